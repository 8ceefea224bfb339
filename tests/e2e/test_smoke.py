"""The whole system, from the command line, as a user starts it."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from sottovoce.local.settings import StackPorts

MARK = "SMOKE_TEST_MARK"


@pytest.fixture
def marked():
    """An environment that everything started with it passes on, and the processes that have it."""
    mark = uuid.uuid4().hex

    def processes():
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ")[:200])
            except OSError:
                continue  # it just ended, or is a zombie
        return found

    return {**os.environ, MARK: mark}, processes


def nothing_left(processes, seconds):
    until = time.monotonic() + seconds
    while processes() and time.monotonic() < until:
        time.sleep(0.1)
    return processes() == []


def sottovoce(*arguments, env):
    command = [sys.executable, "-c", "from sottovoce.cli import main; main()", *arguments]
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
@pytest.mark.timeout(360)
def test_every_answer_is_the_truth_and_nothing_is_left_running(tmp_path, marked):
    env, processes = marked
    folder = tmp_path / "smoke"
    running = sottovoce("smoke", "--folder", str(folder), "--format", "json", env=env)
    out, err = running.communicate(timeout=330)
    logs = "\n".join(each.read_text()[-3000:] for each in (folder / "log").glob("*.log"))
    assert running.returncode == 0, f"{err}\n{out}\n{logs}"
    checks = json.loads(out)
    assert len(checks) > 25
    assert all(check["ok"] for check in checks)
    assert nothing_left(processes, seconds=3)


def start_demo(folder, env):
    ports = StackPorts.free()
    options = [
        part
        for name in StackPorts.__dataclass_fields__
        for part in (f"--{name.replace('_', '-')}-port", str(getattr(ports, name)))
    ]
    demo = sottovoce("demo", "--folder", str(folder), *options, env=env)
    for line in demo.stdout:
        if "the query service is ready" in line:
            return demo
    pytest.fail(f"the demo did not start: {demo.communicate(timeout=10)}")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill-9"])
def test_a_demo_that_is_ended_while_it_starts_leaves_nothing_behind(tmp_path, marked, number):
    env, processes = marked
    demo = start_demo(tmp_path / "demo", env)
    assert len(processes()) > 4
    demo.send_signal(number)
    out, err = demo.communicate(timeout=40)
    assert nothing_left(processes, seconds=10), processes()
    if number == signal.SIGINT:
        assert demo.returncode == 0
        assert "stopped" in out
        assert err == ""
