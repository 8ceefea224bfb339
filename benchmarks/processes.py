"""Services as child processes: started, waited for, weighed, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sottovoce.local.guard import ParentGuard

_TICKS = os.sysconf("SC_CLK_TCK")


class ChildFailedError(RuntimeError):
    """A child ended before its time, or did not do what was waited for."""


@dataclass(frozen=True)
class Weight:
    """What a process and all that it started cost: CPU seconds so far, bytes of memory now."""

    cpu_seconds: float
    memory_bytes: int

    def since(self, before: Weight) -> float:
        """Return the CPU seconds between two weighings."""
        return self.cpu_seconds - before.cpu_seconds


class Child:
    """A child process in a session of its own, so that all it starts can be weighed with it.

    Args:
        name: for messages and the log's name.
        command: arguments behind the Python interpreter.
        folder: where its output goes.
        environment: variables besides this process's.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}-{time.time_ns()}.log"
        self.started = time.time()
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        self._guard = ParentGuard(self._process.pid)

    @property
    def pid(self) -> int:
        """The process's id, which is its session's too."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it is there."""
        return self._process.poll() is None

    def check(self) -> None:
        """Raise if it ended."""
        if self._process.poll() is not None:
            raise ChildFailedError(
                f"{self.name} ended with {self._process.returncode}: {self._last_words()}"
            )

    def wait_for(self, text: str, timeout: float = 60.0) -> float:
        """Wait until its output has a text; return seconds since its start."""
        until = time.monotonic() + timeout
        while text not in self.log.read_text(errors="replace"):
            self.check()
            if time.monotonic() > until:
                raise ChildFailedError(
                    f"{self.name} did not say {text!r} in {timeout:.0f} s: {self._last_words()}"
                )
            time.sleep(0.02)
        return time.time() - self.started

    def wait(self, timeout: float) -> None:
        """Wait until it ends well."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            raise ChildFailedError(
                f"{self.name} did not end in {timeout:.0f} s: {self._last_words()}"
            ) from None
        self._guard.release()
        if code:
            raise ChildFailedError(f"{self.name} ended with {code}: {self._last_words()}")

    def stop(self, timeout: float = 30.0) -> None:
        """End it in order; after `timeout` seconds, kill it and all it started."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()
        self._guard.release()

    def kill(self) -> None:
        """End it and all it started at once, as a power cut would."""
        os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._guard.release()

    def weigh(self) -> Weight:
        """Weigh it and all it started."""
        return weigh_session(self.pid)

    def peak_bytes(self) -> int:
        """Return the most resident memory that it ever took, shared pages counted in whole."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise LookupError(f"the system does not tell the peak of {self.name}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-5:]) or "it wrote nothing"


def weigh_session(session: int) -> Weight:
    """Weigh a session: each process's CPU, that of its ended children, its share of memory."""
    cpu, memory = 0.0, 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) != session:
                continue
            cpu += sum(map(int, fields[11:15])) / _TICKS
            memory += _proportional_bytes(entry)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return Weight(cpu, memory)


def _proportional_bytes(entry: Path) -> int:
    for line in (entry / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
