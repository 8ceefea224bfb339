"""The terms that slices are pinned to before they begin, so that a replay decides alike."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sottovoce.data_sets.data_set import MINUTE_MS, SECOND_MS, DataSetError
from sottovoce.wire.v1 import data_set_pb2


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for the slices from `from_ms` until the next terms.

    Attributes:
        data_set: whose.
        from_ms: start of the first slice under them.
        catalogue_version: empty while there is none.
        lateness_ms: allowed append time - event time; the clock of seals has no use for it.
        future_ms: allowed event time - append time; likewise.
        listens_per_slice: C, the most listens of one listener in a slice.
        slices_per_day: A, the most slices of a UTC day in which one listener counts.
    """

    data_set: str
    from_ms: int = 0
    catalogue_version: str = ""
    lateness_ms: int = 5 * MINUTE_MS
    future_ms: int = 60 * SECOND_MS
    listens_per_slice: int = 20
    slices_per_day: int = 8

    def __post_init__(self) -> None:
        if self.listens_per_slice < 1 or self.slices_per_day < 1:
            raise DataSetError(
                f"terms of {self.data_set}: listens_per_slice {self.listens_per_slice} and "
                f"slices_per_day {self.slices_per_day} must be at least 1"
            )
        if self.lateness_ms < 0 or self.future_ms < 0:
            raise DataSetError(f"terms of {self.data_set}: lateness and future can't be negative")

    def to_message(self) -> data_set_pb2.Terms:
        """Return the record of `catalogues` that keeps them."""
        return data_set_pb2.Terms(**{name: getattr(self, name) for name in _FIELDS})

    @classmethod
    def from_message(cls, message: data_set_pb2.Terms) -> Terms:
        """Read the record of `catalogues` that keeps them."""
        return cls(**{name: getattr(message, name) for name in _FIELDS})


_FIELDS: Final = (
    "data_set",
    "from_ms",
    "catalogue_version",
    "lateness_ms",
    "future_ms",
    "listens_per_slice",
    "slices_per_day",
)


class TermsTimeline:
    """All terms of one data set, in the order of their first slices."""

    def __init__(self, data_set: str, terms: Iterable[Terms] = ()) -> None:
        self.data_set = data_set
        by_start = {each.from_ms: each for each in terms}
        self._terms = [by_start[start] for start in sorted(by_start)]
        self._starts = sorted(by_start)

    def __iter__(self) -> Iterator[Terms]:
        return iter(self._terms)

    def __len__(self) -> int:
        return len(self._terms)

    @property
    def starts(self) -> list[int]:
        """Where each of the terms begins, ascending, in milliseconds."""
        return list(self._starts)

    def at(self, time_ms: int) -> Terms:
        """Return the terms of the slice that a time lies in.

        Raises:
            DataSetError: no terms hold yet.
        """
        found = bisect_right(self._starts, time_ms) - 1
        if found < 0:
            raise DataSetError(
                f"no terms of data set {self.data_set} hold at {time_ms} ms: "
                "run `sottovoce topics create`"
            )
        return self._terms[found]
