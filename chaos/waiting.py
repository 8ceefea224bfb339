"""Waiting until something is so."""

from __future__ import annotations

import time
from collections.abc import Callable


class NotReadyError(Exception):
    """The system did not come up, or not to rest."""


def wait_until(done: Callable[[], bool], what: str, seconds: float) -> None:
    """Return when something is so.

    Raises:
        NotReadyError: it is not so in time.
    """
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            raise NotReadyError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(0.1)
