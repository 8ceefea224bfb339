"""Signals that end a foreground command, in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending_signals() -> Iterator[None]:
    """Within this block, Ctrl-C, SIGTERM and SIGHUP all raise KeyboardInterrupt, once.

    What stops things in order on the way out is not interrupted by an impatient second Ctrl-C;
    SIGKILL ends the process at once, and what it started with it.
    """

    def end(_: int, __: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
