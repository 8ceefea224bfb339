"""A service as a child process: its output in a file, its end never later than ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sottovoce.local.errors import LocalError
from sottovoce.local.guard import ParentGuard

_KEPT_SETTINGS = frozenset({"SOTTOVOCE_LOCAL_FOLDER", "SOTTOVOCE_MAVEN_REPOSITORY"})
_LAST_LINES = 12


class ChildEndedError(LocalError):
    """A service ended by itself, or did not do what was waited for."""


class Child:
    """A Python module run as a process of its own.

    It gets none of the caller's SOTTOVOCE_ settings, only those in its arguments. It ends with
    this process, however that ends.

    Args:
        name: for people, such as "producer".
        module: what to run.
        arguments: of the module.
        log: the file that its output is appended to.
        within: a command that becomes the one behind it, such as `ip netns exec NAME`.
        environment: variables besides the caller's.
    """

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        log: Path,
        *,
        within: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [*within, sys.executable, "-m", module, *arguments]
        self._more = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: ParentGuard | None = None
        self._asked = False

    def start(self) -> None:
        """Start it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own modules
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for us, who stop it in its turn
                env={**_environment(os.environ), **self._more},
            )
        self._guard = ParentGuard(self._process.pid)

    @property
    def pid(self) -> int | None:
        """Its process id while it was started and not stopped."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended by itself, a signal as a negative number; None while it did not."""
        return None if self._process is None else self._process.poll()

    def require_running(self) -> None:
        """Return while it runs.

        Raises:
            ChildEndedError: it ended; the message has its last lines.
        """
        if self._process is not None and self._process.poll() is not None:
            raise ChildEndedError(
                f"the {self.name} ended with exit code {self._process.returncode}; the end of its "
                f"log, {self.log}:\n{self.last_lines()}"
            )

    def finish(self, timeout: float) -> None:
        """Wait until it ends by itself with exit code 0.

        Raises:
            ChildEndedError: it failed, or went on.
        """
        assert self._process is not None
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ChildEndedError(
                f"the {self.name} was not done after {timeout:.0f} s: see {self.log}"
            ) from None
        if code:
            self.require_running()
        self._ended()

    def ask_to_end(self) -> None:
        """Send SIGTERM, once (services take a second one for impatience), and return."""
        if self._process is not None and self._process.poll() is None and not self._asked:
            self._asked = True
            self._process.terminate()

    def stop(self, timeout: float) -> bool:
        """End it in order, after `timeout` seconds by force; return whether it was in order."""
        if self._process is None:
            return True
        self.ask_to_end()
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        # What it started itself, such as Spark's JVM and workers, ends with it, or here.
        _kill_group(self._process.pid)
        self._ended()
        return code in (0, -signal.SIGTERM)

    def kill(self) -> None:
        """End it and what it started with SIGKILL."""
        if self._process is not None:
            _kill_group(self._process.pid)
            self._process.wait()
        self._ended()

    def last_lines(self) -> str:
        """Return the end of its log."""
        if not self.log.is_file():
            return "(it wrote nothing)"
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LAST_LINES:]) or "(it wrote nothing)"

    def _ended(self) -> None:
        self._process, self._asked = None, False
        if self._guard is not None:
            self._guard.release()
            self._guard = None


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in ours.items()
        if not name.startswith("SOTTOVOCE_") or name in _KEPT_SETTINGS
    }
    return {**kept, "PYTHONUNBUFFERED": "1"}


def _kill_group(group: int, patience: float = 2.0) -> None:
    """Kill a process group, and return when none of it is left (a zombie counts as gone)."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
        if _are_zombies(group):
            return
        time.sleep(0.02)


def _are_zombies(group: int) -> bool:
    """Whether all that is left of a group has ended, and waits for the machine's init to note it.

    An init may take seconds for that. Where there is no /proc, signals to zombies are refused.
    """
    if not Path("/proc/self/stat").exists():
        return False
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if int(its_group) == group and state not in "ZX":
            return False
    return True
