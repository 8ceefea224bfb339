"""What never changes of a data set, and the grid of panes and slices that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from sottovoce.errors import SottovoceError
from sottovoce.wire.v1 import data_set_pb2

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS


class DataSetError(SottovoceError):
    """A data set's constants or terms make no sense, or are not there."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """The constants of a data set; times in integer milliseconds, UTC.

    Attributes:
        name: `live` or `history`.
        by_append_time: whether lateness is judged by the broker's append time; else by seals.
        pane_ms: grain of series.
        slice_ms: the block that privacy is accounted for: a whole number of panes, and a day is a
            whole number of slices.
        shards: partitions of its log.
        first_ms: the first event time that counts, the start of a slice.
        log_retention_ms: how long the log is kept, -1 for ever.
        cell_retention_ms: how long cells are kept, -1 for ever; less than the log.
        clock_guard_ms: added to lateness before a pane counts as complete.
        epoch: 16 random bytes that name this making of it; empty before it was made.
        created_at_ms: when it was made.
    """

    name: str
    by_append_time: bool
    pane_ms: int
    slice_ms: int
    shards: int
    first_ms: int = 0
    log_retention_ms: int = -1
    cell_retention_ms: int = -1
    clock_guard_ms: int = 2 * SECOND_MS
    epoch: bytes = field(default=b"", repr=False)
    created_at_ms: int = 0

    def __post_init__(self) -> None:
        if self.pane_ms <= 0 or self.slice_ms % self.pane_ms or DAY_MS % self.slice_ms:
            raise DataSetError(
                f"data set {self.name}: panes of {self.pane_ms} ms and slices of "
                f"{self.slice_ms} ms; a slice must be a whole number of panes, and a day a whole "
                "number of slices"
            )
        if self.shards < 1:
            raise DataSetError(f"data set {self.name}: {self.shards} shards; at least 1 is needed")
        if self.first_ms < 0 or self.first_ms % self.slice_ms:
            raise DataSetError(
                f"data set {self.name}: first_ms {self.first_ms} is not the start of a slice"
            )
        if 0 <= self.log_retention_ms <= self.cell_retention_ms:
            raise DataSetError(
                f"data set {self.name}: cells kept {self.cell_retention_ms} ms must go before the "
                f"log that could rebuild them, kept {self.log_retention_ms} ms"
            )

    @property
    def panes_per_slice(self) -> int:
        """How many panes a slice has."""
        return self.slice_ms // self.pane_ms

    def slice_of(self, time_ms: int) -> int:
        """Return the start of the slice that a time lies in."""
        return time_ms - time_ms % self.slice_ms

    def pane_of(self, time_ms: int) -> int:
        """Return the start of the pane that a time lies in."""
        return time_ms - time_ms % self.pane_ms

    def to_message(self) -> data_set_pb2.DataSetConstants:
        """Return the record of `catalogues` that keeps it."""
        return data_set_pb2.DataSetConstants(
            name=self.name,
            clock=(
                data_set_pb2.CLOCK_APPEND_TIME if self.by_append_time else data_set_pb2.CLOCK_SEAL
            ),
            pane_ms=self.pane_ms,
            slice_ms=self.slice_ms,
            shards=self.shards,
            first_ms=self.first_ms,
            epoch=self.epoch,
            created_at_ms=self.created_at_ms,
            log_retention_ms=self.log_retention_ms,
            cell_retention_ms=self.cell_retention_ms,
            clock_guard_ms=self.clock_guard_ms,
        )

    @classmethod
    def from_message(cls, message: data_set_pb2.DataSetConstants) -> DataSet:
        """Read the record of `catalogues` that keeps it."""
        return cls(
            name=message.name,
            by_append_time=message.clock == data_set_pb2.CLOCK_APPEND_TIME,
            pane_ms=message.pane_ms,
            slice_ms=message.slice_ms,
            shards=message.shards,
            first_ms=message.first_ms,
            log_retention_ms=message.log_retention_ms,
            cell_retention_ms=message.cell_retention_ms,
            clock_guard_ms=message.clock_guard_ms,
            epoch=message.epoch,
            created_at_ms=message.created_at_ms,
        )


def _profile(live: DataSet, history: DataSet) -> Mapping[str, DataSet]:
    return MappingProxyType({live.name: live, history.name: history})


PROFILES: Final[Mapping[str, Mapping[str, DataSet]]] = MappingProxyType(
    {
        "standard": _profile(
            DataSet(
                "live",
                by_append_time=True,
                pane_ms=MINUTE_MS,
                slice_ms=HOUR_MS,
                shards=16,
                log_retention_ms=7 * DAY_MS,
                cell_retention_ms=6 * DAY_MS,
            ),
            DataSet("history", by_append_time=False, pane_ms=HOUR_MS, slice_ms=DAY_MS, shards=16),
        ),
        "demo": _profile(
            DataSet(
                "live",
                by_append_time=True,
                pane_ms=2 * SECOND_MS,
                slice_ms=30 * SECOND_MS,
                shards=4,
                log_retention_ms=7 * DAY_MS,
                cell_retention_ms=6 * DAY_MS,
                clock_guard_ms=0,
            ),
            DataSet("history", by_append_time=False, pane_ms=HOUR_MS, slice_ms=DAY_MS, shards=4),
        ),
    }
)
"""Data sets as `sottovoce topics create --profile` makes them: `demo` shows whole slices within a
minute."""
