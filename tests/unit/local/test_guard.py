import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sottovoce.local.guard import ParentGuard

PARENT = """
import subprocess, sys, time
from sottovoce.local.guard import ParentGuard
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
guard = ParentGuard(child.pid)
print(child.pid, flush=True)
time.sleep(60)
"""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="reads /proc")
def test_a_guarded_process_ends_with_a_parent_that_was_killed():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as parent:
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
    until = time.monotonic() + 10
    while not gone(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert gone(child)


def test_a_released_guard_lets_the_process_live():
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        guard = ParentGuard(child.pid)
        guard.release()
        guard.release()
        assert child.poll() is None
        child.kill()
