"""Accounts that were forgotten and do not count again yet.

**Guarantee**: in no slice of a data set that goes by append time is there a listen of an account's
old pseudonym and one of its new pseudonym: a rest ends on a UTC day that begins after every slice
that the old one can be in, and so late in it that no play from before that day is taken any more.
"""

from __future__ import annotations

from dataclasses import dataclass

from sottovoce.data_sets.data_set import DAY_MS
from sottovoce_producer.vault import account_label, account_source


def end_of_rest(after_ms: int, *, future_ms: int, lateness_ms: int) -> int:
    """Return when somebody who is gone since `after_ms` counts again.

    Args:
        after_ms: when that was, milliseconds since 1970 UTC.
        future_ms: the most by which a play may end after it is written.
        lateness_ms: the most by which it may end before.
    """
    return ((after_ms + future_ms) // DAY_MS + 1) * DAY_MS + lateness_ms


@dataclass(frozen=True, slots=True)
class Rest:
    """How long an account rests.

    Attributes:
        until_ms: exclusive, milliseconds since 1970 UTC.
        trace: a keyed hash of the pseudonym that it had.
    """

    until_ms: int
    trace: bytes


class Resting:
    """The rests that go on, by the key of the account's record in the vault."""

    def __init__(self) -> None:
        self._rests: dict[bytes, Rest] = {}
        self._by_trace: dict[bytes, bytes] = {}
        self._sources: set[str] = set()

    def __len__(self) -> int:
        return len(self._rests)

    def get(self, record_key: bytes) -> Rest | None:
        """Return an account's rest; None if it has none, or that was ended."""
        return self._rests.get(record_key)

    def refuses(self, record_key: bytes, now_ms: int) -> bool:
        """Return whether an account's plays are refused now."""
        rest = self._rests.get(record_key)
        return rest is not None and now_ms < rest.until_ms

    def silences(self, source: str) -> bool:
        """Return whether a source tells of a resting account alone, so that it has no cursor."""
        return source in self._sources

    def find(self, trace: bytes) -> bytes | None:
        """Return the key of the account whose pseudonym had this trace."""
        return self._by_trace.get(trace)

    def over(self, now_ms: int) -> list[bytes]:
        """Return the keys of the accounts whose rest is over."""
        return [key for key, rest in self._rests.items() if rest.until_ms <= now_ms]

    def commit(self, record_key: bytes, rest: Rest) -> None:
        """Keep a rest."""
        self._rests[record_key] = rest
        self._by_trace[rest.trace] = record_key
        self._sources.add(account_source(account_label(record_key)))

    def end(self, record_keys: list[bytes]) -> None:
        """Drop rests."""
        for key in record_keys:
            rest = self._rests.pop(key)
            self._by_trace.pop(rest.trace, None)
            self._sources.discard(account_source(account_label(key)))
