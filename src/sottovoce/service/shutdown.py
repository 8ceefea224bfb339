"""An ordered end: a signal asks for it once, the process goes when its step is done."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Shutdown:
    """SIGTERM and SIGINT as an event; the second of them ends the process at once.

    Make it in the main thread.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._event.is_set():
            raise SystemExit(128 + number)
        self._event.set()

    @property
    def requested(self) -> bool:
        """Whether the end was asked for."""
        return self._event.is_set()

    def request(self) -> None:
        """Ask for the end from within."""
        self._event.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep until the end is asked for or the time is over; return whether it was asked for."""
        return self._event.wait(seconds)
