"""Ranges of time: read from a request, checked against the grid and what is complete."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from google.protobuf import duration_pb2, timestamp_pb2

from sottovoce.data_sets import DataSet
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import bad_question, iso, not_complete, out_of_range
from sottovoce_query.held import HeldCells
from sottovoce_query.merged_slice import MergedSlice

type Grain = Literal["pane", "ranking", "slice"]

_STEPS: Final = {"pane": "whole panes", "ranking": "whole steps", "slice": "whole slices"}

MAX_MS: Final = 253_402_300_800_000  # the year 10000, where Timestamp ends


@dataclass(frozen=True, slots=True)
class Range:
    """[start, end) in milliseconds since 1970, UTC."""

    start_ms: int
    end_ms: int

    def to_message(self) -> query_pb2.TimeRange:
        """Return it as a message."""
        return query_pb2.TimeRange(start=to_timestamp(self.start_ms), end=to_timestamp(self.end_ms))


class Limits(Protocol):
    """How far questions may reach."""

    @property
    def complete_through_ms(self) -> int:
        """They may reach until here; 0: nothing can be asked yet."""

    @property
    def floor_ms(self) -> int:
        """They may not reach back before this."""

    @property
    def ranking_ms(self) -> int:
        """The grain of figures about tracks and artists."""


@dataclass(frozen=True, slots=True, eq=False)
class Span:
    """The part of a slice that lies in a range: panes [first, stop)."""

    slice: MergedSlice
    first_pane: int
    stop_pane: int
    whole: bool


def read_range(
    message: query_pb2.TimeRange, cells: HeldCells, limits: Limits, grain: Grain
) -> Range:
    """Read a request's range.

    Raises:
        QuestionError: absent, empty, off the grain, not complete, or no longer held.
    """
    if not message.HasField("start") or not message.HasField("end"):
        raise bad_question("range", "give both start and end")
    start_ms = _read_time(message.start, "range.start")
    end_ms = _read_time(message.end, "range.end")
    if start_ms >= end_ms:
        raise bad_question("range", f"its end {iso(end_ms)} must lie after its start")
    step = grain_ms(grain, cells, limits)
    if start_ms % step or end_ms % step:
        near = Range(start_ms - start_ms % step, end_ms + -end_ms % step)
        raise bad_question(
            "range",
            f"this question goes by {_STEPS[grain]} of {step / 1000:g} s; the nearest range around "
            f"yours is {iso(near.start_ms)} to {iso(near.end_ms)}",
            "RANGE_NOT_ALIGNED",
        )
    asked = Range(start_ms, end_ms)
    require_held(asked, cells, limits)
    require_complete(asked, cells, limits)
    return asked


def grain_ms(grain: Grain, cells: HeldCells, limits: Limits) -> int:
    """Return how long a step of a grain is."""
    match grain:
        case "pane":
            return cells.data_set.pane_ms
        case "ranking":
            return limits.ranking_ms
        case "slice":
            return cells.data_set.slice_ms


def require_held(asked: Range, cells: HeldCells, limits: Limits) -> None:
    """Refuse a range that begins before what can be asked about."""
    floor_ms = limits.floor_ms
    if asked.start_ms < floor_ms:
        raise out_of_range(
            f"nothing of {cells.data_set.name} before {iso(floor_ms)} can be asked about: it is no "
            "longer kept, or older than the ledger; start there or later",
            first_slice=iso(floor_ms),
        )


def require_complete(asked: Range, cells: HeldCells, limits: Limits) -> None:
    """Refuse a range that reaches beyond what is complete in all shards."""
    through_ms = limits.complete_through_ms
    if asked.end_ms <= through_ms:
        return
    name = cells.data_set.name
    so_far = f"complete through {iso(through_ms)}" if through_ms else "complete nowhere yet"
    metadata = {"complete_through": iso(through_ms)} if through_ms else {}
    if not cells.data_set.by_append_time:
        raise not_complete(
            f"{name} is {so_far}: seal it further (`sottovoce seal --through DATE`)",
            None,
            **metadata,
        )
    due_ms = complete_at_ms(asked.end_ms, cells)
    wait = max(1.0, (due_ms - time.time_ns() / 1e6) / 1000)
    raise not_complete(
        f"{name} is {so_far}; the range that ends {iso(asked.end_ms)} will be at about "
        f"{iso(due_ms)}",
        wait,
        **metadata,
    )


def complete_at_ms(pane_end_ms: int, cells: HeldCells) -> int:
    """Return when a pane of a data set by append time is expected to be complete."""
    lateness = cells.terms.at(max(0, pane_end_ms - 1)).lateness_ms
    return pane_end_ms + lateness + cells.data_set.clock_guard_ms


def spans(asked: Range, cells: HeldCells) -> Iterator[Span]:
    """Yield what is held of each slice in a range, in order."""
    data_set = cells.data_set
    for start_ms in cells.starts_within(asked.start_ms, asked.end_ms):
        found = cells.slice(start_ms)
        if found is None:
            continue
        first = max(0, (asked.start_ms - start_ms) // data_set.pane_ms)
        stop = min(data_set.panes_per_slice, (asked.end_ms - start_ms) // data_set.pane_ms)
        yield Span(found, first, stop, stop - first == data_set.panes_per_slice)


def read_duration(message: duration_pb2.Duration, field: str, data_set: DataSet) -> int:
    """Read a positive duration of whole panes, in milliseconds.

    Raises:
        QuestionError: not positive, or off the grain.
    """
    if message.nanos % 1_000_000:
        raise bad_question(field, "give whole milliseconds")
    length = message.seconds * 1000 + message.nanos // 1_000_000
    if length <= 0:
        raise bad_question(field, "give a duration above 0")
    if length % data_set.pane_ms:
        near = length + -length % data_set.pane_ms
        raise bad_question(
            field,
            f"give whole panes of {data_set.pane_ms / 1000:g} s; the nearest is {near / 1000:g} s",
            "RANGE_NOT_ALIGNED",
        )
    return length


def _read_time(message: timestamp_pb2.Timestamp, field: str) -> int:
    if message.nanos % 1_000_000:
        raise bad_question(field, "give whole milliseconds", "RANGE_NOT_ALIGNED")
    time_ms: int = message.seconds * 1000 + message.nanos // 1_000_000
    if not 0 <= time_ms <= MAX_MS:
        raise bad_question(field, "give a time from 1970 to 9999")
    return time_ms


def to_timestamp(time_ms: int) -> timestamp_pb2.Timestamp:
    """Return a time in milliseconds since 1970 as a message."""
    seconds, rest = divmod(time_ms, 1000)
    return timestamp_pb2.Timestamp(seconds=seconds, nanos=rest * 1_000_000)


def to_duration(length_ms: int) -> duration_pb2.Duration:
    """Return a length in milliseconds as a message."""
    seconds, rest = divmod(length_ms, 1000)
    return duration_pb2.Duration(seconds=seconds, nanos=rest * 1_000_000)
