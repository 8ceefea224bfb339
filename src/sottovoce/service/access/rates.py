"""How often a caller may call: a token bucket each."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limit:
    """A bucket that holds `burst` calls and is refilled with `per_second`; 0: no limit."""

    per_second: float
    burst: int


NO_LIMIT: Final = Limit(0.0, 1)


class Rates:
    """The buckets of all callers. Any thread may use it.

    **Guarantee**: in any t seconds at most burst + per_second x t calls of a caller pass.

    **Source**: the generic cell rate algorithm (ITU-T I.371): a bucket is one number, the time at
    which it will be full again.
    """

    def __init__(self) -> None:
        self._full_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, name: str, limit: Limit, now: float) -> float:
        """Take one call out of a caller's bucket.

        Args:
            name: the caller.
            limit: the bucket.
            now: seconds of a clock that never goes back.

        Returns:
            0.0 where the call passes, else the seconds until one will.
        """
        if not limit.per_second:
            return 0.0
        apart = 1 / limit.per_second
        with self._lock:
            full_at = max(self._full_at.get(name, now), now)
            wait = full_at - now - (limit.burst - 1) * apart
            if wait > 1e-9:  # what the rounding of doubles leaves is no reason to refuse
                return wait
            self._full_at[name] = full_at + apart
        return 0.0
