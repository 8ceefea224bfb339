"""The processes, each watched over by somebody who starts it again, as Kubernetes would."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sottovoce.local.broker import LocalBroker
from sottovoce.local.child import Child
from sottovoce.local.errors import LocalError

_LOOKS_EVERY = 0.02
_BACK_OFF = 1.0


class Process(Protocol):
    """What can be started, watched and ended."""

    def start(self) -> object:
        """Start it."""

    def kill(self) -> None:
        """End it and all that it started."""

    @property
    def pid(self) -> int | None:
        """Its id while it was started."""


class Part:
    """A process and its supervisor, a thread.

    Args:
        name: such as `consumer`.
        process: what runs.
        ended: tells how it ended; None while it runs.
        go_on: is told of an end with exit code 0 that nobody asked for; returns whether it is
            to be started again.

    Attributes:
        name: such as `consumer`.
        deaths: how it ended, and how often; what faults did included.
        started_at: seconds since 1970 at which it was last started.
    """

    def __init__(
        self,
        name: str,
        process: Process,
        ended: Callable[[], int | None],
        go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self.deaths: Counter[int] = Counter()
        self.started_at = 0.0
        self._process = process
        self._exit_code = ended
        self._go_on = go_on
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name=f"{name}'s supervisor")

    @property
    def running(self) -> bool:
        """Whether it is there, even if it stands still."""
        return self._process.pid is not None and self._exit_code() is None

    @property
    def finished(self) -> bool:
        """Whether it came to its end, and is not to be started again."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def start(self) -> None:
        """Start it, and watch over it from now on."""
        self._launch()
        self._thread.start()

    def stop(self, timeout: float = 60.0) -> int | None:
        """Ask it to end, and start it no more; return how it ended, None if it had to be killed."""
        self._release()
        code = None
        if self.running:
            self.signal(signal.SIGTERM)
            until = time.monotonic() + timeout
            while (code := self._exit_code()) is None and time.monotonic() < until:
                time.sleep(_LOOKS_EVERY)
        self._process.kill()
        return code

    def kill(self) -> None:
        """End it at once, for good."""
        self._release()
        self._process.kill()

    def signal(self, number: int, *, group: bool = False) -> bool:
        """Send a signal to it, or to all that it started too; return whether it was there."""
        pid = self._process.pid
        try:
            if pid is not None:
                (os.killpg if group else os.kill)(pid, number)
        except ProcessLookupError:
            return False
        return pid is not None

    def family(self) -> dict[int, str]:
        """Return the processes that it started, with their command lines."""
        found: dict[int, str] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != self._process.pid:
                try:
                    if os.getsid(int(entry.name)) == self._process.pid:
                        line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                        found[int(entry.name)] = line.decode(errors="replace")
                except (ProcessLookupError, FileNotFoundError):
                    continue
        return found

    def _launch(self) -> None:
        self.started_at = time.time()
        self._process.start()

    def _release(self) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.signal(signal.SIGCONT, group=True)

    def _supervise(self) -> None:
        while not self._over.wait(_LOOKS_EVERY):
            code = self._exit_code() if self._process.pid is not None else -1
            if code is None:
                continue
            if self._process.pid is not None:
                self.deaths[code] += 1
                self._process.kill()  # what it started goes with it, as a container's does
                if code == 0 and not self._go_on():
                    return
            if time.time() - self.started_at < _BACK_OFF and self._over.wait(_BACK_OFF):
                return
            try:
                self._launch()
            except LocalError:
                self._over.wait(_BACK_OFF)  # its disk may be full: the next try may find it free


def child_part(child: Child) -> Part:
    """Return a service as a part."""
    return Part(child.name, child, lambda: child.exit_code)


def broker_part(broker: LocalBroker) -> Part:
    """Return the broker as a part."""
    return Part("broker", broker, lambda: broker.exit_code)
