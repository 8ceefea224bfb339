"""Which range of time the reader means: choices that fit a data set, put on its grain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from sottovoce.client import DataSetStatus, Series, TimeRange
from sottovoce_dashboard import wording

type Grain = Literal["pane", "ranking", "slice"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTHS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        10, 30, 120, 600, 1_800, 3_600, 6 * 3_600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400,
        5 * 365 * 86_400, 10 * 365 * 86_400,
    )
)  # fmt: skip
_FEWEST_PANES: Final = 5
_MOST_SLICES: Final = 4_000
"""Everything is offered where it is no more: each slice asked about has to be released first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A range as the reader chose it.

    Attributes:
        length: of the last so much; None for everything, or for what lies between two times.
        between: two times of the reader's own.
    """

    length: timedelta | None = None
    between: tuple[datetime, datetime] | None = None

    def __str__(self) -> str:
        if self.between is not None:
            return "Between two times"
        return "Everything" if self.length is None else f"Last {wording.length(self.length)}"


EVERYTHING: Final = Choice()


def step(known: DataSetStatus, grain: Grain) -> timedelta:
    """Return the length of one pane, step of rankings or slice."""
    return {"pane": known.pane, "ranking": known.ranking, "slice": known.slice}[grain]


def grain_of(series: Series) -> Grain:
    """Return the grain that a series is released by."""
    return "ranking" if series.kind in ("track", "artist") else "pane"


def extent(known: DataSetStatus, grain: Grain) -> TimeRange | None:
    """Return what can be asked about, on the grain; None where that is nothing yet."""
    if known.complete_through is None or known.first_slice is None:
        return None
    end = _down(known.complete_through, step(known, grain))
    return TimeRange(known.first_slice, end) if end > known.first_slice else None


def choices(known: DataSetStatus, grain: Grain) -> list[Choice]:
    """Return the lengths worth offering, the shortest first, then everything if not too much."""
    there = extent(known, grain)
    least = max(known.slice if grain == "slice" else _FEWEST_PANES * known.pane, known.pane)
    lengths = [each for each in _LENGTHS if least <= each and not each % step(known, grain)]
    if there is not None:
        lengths = [each for each in lengths if each < there.length]
        if there.length > _MOST_SLICES * known.slice:
            lengths = [each for each in lengths if each <= _MOST_SLICES * known.slice]
            return [Choice(each) for each in lengths]
    return [*(Choice(each) for each in lengths), EVERYTHING]


def default_choice(known: DataSetStatus, grain: Grain, slices: int) -> Choice:
    """Return the shortest choice of at least so many slices.

    Where not as much is held, the longest that has its like before it; else everything.
    """
    offered = [each for each in choices(known, grain) if each.length is not None]
    there = extent(known, grain)
    for each in offered:
        if each.length is not None and each.length >= slices * known.slice:
            return each
    halves = [each for each in offered if there and each.length and 2 * each.length <= there.length]
    return halves[-1] if halves else choices(known, grain)[-1]


def resolve(choice: Choice, known: DataSetStatus, grain: Grain) -> TimeRange | None:
    """Return the range that a choice amounts to now: on the grain, complete and held.

    Returns None where nothing of it is.
    """
    there = extent(known, grain)
    if there is None:
        return None
    start, end = there.start, there.end
    if choice.between is not None:
        first, last = sorted(choice.between)
        size = step(known, grain)
        start = max(start, _down(first, size))
        end = min(end, _down(last + size - timedelta(milliseconds=1), size))
    elif choice.length is not None:
        start = max(start, _down(end - choice.length, step(known, grain)))
    return TimeRange(start, end) if start < end else None


def before(asked: TimeRange, known: DataSetStatus) -> TimeRange | None:
    """Return the range of the same length just before; None where it is not held whole."""
    start = asked.start - asked.length
    if known.first_slice is None or start < known.first_slice:
        return None
    return TimeRange(start, asked.start)


def whole(asked: TimeRange, known: DataSetStatus, grain: Grain) -> TimeRange:
    """Return the panes, steps or slices that lie wholly in a range; an empty range for none."""
    size = step(known, grain)
    start = _down(asked.start + size - timedelta(milliseconds=1), size)
    return TimeRange(start, max(start, _down(asked.end, size)))


def newest(known: DataSetStatus, slices: int = 1) -> TimeRange | None:
    """Return the newest whole slices, at most so many; None where there are none."""
    there = extent(known, "slice")
    if there is None:
        return None
    return TimeRange(max(there.start, there.end - slices * known.slice), there.end)


def windows(known: DataSetStatus, grain: Grain) -> list[timedelta]:
    """Return lengths of sliding windows, from one step to 30 days or what is held."""
    there = extent(known, grain)
    size = step(known, grain)
    most = min(timedelta(days=30), size if there is None else max(size, there.length))
    wanted: list[timedelta] = []
    for seconds in (1, 60, 3_600, 86_400):
        unit = timedelta(seconds=seconds)
        wanted += [unit * number for number in (1, 2, 5, 10, 15, 20, 30, 45)]
    wanted += [timedelta(hours=hours) for hours in (3, 6, 12, 18)]
    wanted += [timedelta(days=days) for days in (3, 7)]
    fitting = {each for each in wanted if size <= each <= most and not each % size}
    return sorted({size, *fitting, most - most % size})


def _down(time: datetime, size: timedelta) -> datetime:
    return time - (time - _EPOCH) % size
