import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sottovoce.local.child import Child, ChildEndedError, _kill_group


def is_running(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return stat.rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes a module of some code, and a child that runs it."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(code):
        (tmp_path / "made_up_service.py").write_text(code)
        return Child("service", "made_up_service", ["argument"], tmp_path / "log" / "service.log")

    return make


def test_output_goes_to_the_log_and_settings_of_the_caller_do_not_reach_it(module, monkeypatch):
    monkeypatch.setenv("SOTTOVOCE_KAFKA_BOOTSTRAP", "elsewhere:1")
    monkeypatch.setenv("SOTTOVOCE_LOCAL_FOLDER", "kept")
    child = module(
        "import os, sys\n"
        "print(sys.argv[1], [n for n in sorted(os.environ) if n.startswith('SOTTOVOCE_')])"
    )
    child.start()
    child.finish(timeout=30)
    assert child.last_lines() == "argument ['SOTTOVOCE_LOCAL_FOLDER']"


def test_an_end_by_itself_is_told_with_the_last_lines(module):
    child = module("print('it was the weather'); raise SystemExit(7)")
    child.start()
    assert until(lambda: not is_running(child.pid))
    with pytest.raises(ChildEndedError, match=r"exit code 7(.|\n)*it was the weather"):
        child.require_running()
    with pytest.raises(ChildEndedError, match="exit code 7"):
        child.finish(timeout=5)
    child.kill()


def test_stopping_asks_once_and_takes_along_what_it_started(module, tmp_path):
    child = module(
        "import signal, subprocess, sys, time\n"
        "asked = []\n"
        "def end(*_):\n"
        "    asked.append(1)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(other.pid)\n"
        "while not asked: time.sleep(.01)\n"
        "time.sleep(.3)\n"
        "print('asked', len(asked))\n"
    )
    child.start()
    assert until(lambda: child.last_lines().isdigit())
    other = int(child.last_lines())
    child.ask_to_end()
    assert child.stop(timeout=10)
    assert child.last_lines().endswith("asked 1")
    assert until(lambda: not is_running(other))


def test_what_does_not_end_in_time_is_ended_by_force(module):
    child = module(
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf')\n"
        "time.sleep(600)\n"
    )
    child.start()
    assert until(lambda: child.last_lines() == "deaf")
    pid = child.pid
    assert not child.stop(timeout=0.2)
    assert not is_running(pid)
    assert child.stop(timeout=0.2)  # a second time is fine


def test_a_child_dies_with_a_parent_that_is_killed(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    (tmp_path / "made_up_service.py").write_text("import time; time.sleep(600)")
    code = (
        "import pathlib, time; from sottovoce.local.child import Child;"
        f"log = pathlib.Path({str(tmp_path)!r}, 'service.log');"
        "child = Child('service', 'made_up_service', [], log);"
        "child.start(); print(child.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert until(lambda: not is_running(pid))


def test_a_killed_group_is_gone_even_if_nobody_has_noted_its_end():
    process = subprocess.Popen(["sleep", "60"], process_group=0)
    try:
        began = time.monotonic()
        _kill_group(process.pid, patience=30.0)  # we are its parent, and don't ask how it ended
        assert time.monotonic() - began < 10.0
        assert not is_running(process.pid)
    finally:
        process.kill()
        process.wait()
