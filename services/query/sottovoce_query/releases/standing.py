"""Standing releases on the clock: for every pane and slice that is complete, empty or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.service.logging import get_logger
from sottovoce_query.held import HeldCells
from sottovoce_query.releases.desk import Desk
from sottovoce_query.releases.engine import BudgetRefusedError, ReleaseEngine, Wanted
from sottovoce_query.releases.statistic import STATISTICS, Statistic, Step

_AT_ONCE: Final = 500
"""Releases that are made before the log is followed again."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A release and when it was due: the end of the last pane that it reads."""

    at_ms: int
    statistic: Statistic
    slice_ms: int
    draw: int | None


class StandingReleases:
    """Keeps a data set by append time released up to what is complete.

    Args:
        cells: tells what is complete.
        desk: names releases.
        engine: makes them.
    """

    def __init__(self, cells: HeldCells, desk: Desk, engine: ReleaseEngine) -> None:
        self._cells = cells
        self._desk = desk
        self._engine = engine
        self._through_ms = 0

    @property
    def first_ms(self) -> int:
        """The start of the first slice with a budget whose cells are not gone; 0: none is known."""
        opening = self._engine.ledger.opening
        if opening is None:
            return 0
        data_set = self._cells.data_set
        horizon = max(opening.horizon(data_set.name), self._cells.floor_ms)
        return data_set.slice_of(horizon + data_set.slice_ms - 1)

    @property
    def through_ms(self) -> int:
        """Everything that was due before is released; 0 before the first pane is."""
        return self._through_ms

    def keep_up(self) -> bool:
        """Make some of what is due; return whether more is released than before."""
        first_ms = self.first_ms
        if not first_ms:
            return False
        data_set = self._cells.data_set
        begin_ms = max(self._through_ms, first_ms)
        through_ms = self._cells.complete_through_ms
        if through_ms <= begin_ms:
            return False
        wanted: list[Wanted] = []
        reached_ms = begin_ms
        slice_ms = data_set.slice_of(begin_ms)
        while slice_ms < through_ms and len(wanted) < _AT_ONCE:
            until_ms = min(slice_ms + data_set.slice_ms, through_ms)
            due = sorted(self._due(slice_ms, begin_ms, until_ms), key=lambda each: each.at_ms)
            wanted += [
                self._desk.wanted(each.statistic, each.slice_ms, each.draw)
                for each in due
                if not self._desk.holds(each.statistic, each.slice_ms, each.draw)
            ]
            reached_ms = until_ms
            slice_ms += data_set.slice_ms
        try:
            self._engine.make(wanted)
        except BudgetRefusedError as error:
            # What was refused once is refused for good; a question about it is told why.
            get_logger().error(
                "a standing release was refused",
                data_set=data_set.name,
                statistic=error.key.statistic,
                slice_ms=error.refused.slice_ms,
                reason=str(error.refused.reason),
            )
        self._through_ms = data_set.pane_of(reached_ms)
        return True

    def _due(self, slice_ms: int, begin_ms: int, until_ms: int) -> Iterator[_Due]:
        """Yield a slice's releases that became due in (begin, until]."""
        data_set, desk = self._cells.data_set, self._desk
        end_ms = slice_ms + data_set.slice_ms
        for statistic in STATISTICS.values():
            if desk.standing(statistic, slice_ms) is None:
                continue
            if statistic.step in (Step.PANE, Step.RANKING):
                panes = 1 if statistic.step is Step.PANE else desk.ranking_panes
                step_ms = panes * data_set.pane_ms
                first = max(0, (begin_ms - slice_ms) // step_ms)
                for number in range(first, (until_ms - slice_ms) // step_ms):
                    yield _Due(slice_ms + (number + 1) * step_ms, statistic, slice_ms, number)
            elif until_ms < end_ms:
                continue
            elif statistic.step is Step.SLICE:
                yield _Due(end_ms, statistic, slice_ms, None)
            elif statistic.step is Step.DAY and end_ms % DAY_MS == 0:
                day = desk.day(slice_ms)
                if day[0] >= self.first_ms and all(
                    desk.standing(statistic, each) for each in (day[0], slice_ms)
                ):
                    yield _Due(end_ms, statistic, slice_ms, None)
