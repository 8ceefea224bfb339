"""Sliding windows of any series: exponential histograms fed with what the gate releases."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.sketches import Estimate, ExponentialHistogram
from sottovoce_query.errors import bad_question
from sottovoce_query.gate import Gate
from sottovoce_query.held import HeldCells
from sottovoce_query.ranges import Range, require_complete, require_held
from sottovoce_query.statistics import Series

MAX_WINDOW_MS: Final = 30 * DAY_MS

STANDING: Final = (Series("all"), Series("new_listeners"))
"""Series that are kept from the start on, whether anybody asks or not."""


class _Fed:
    """A histogram, and what it has seen: panes in [from, through)."""

    __slots__ = ("from_ms", "histogram", "through_ms")

    def __init__(self, histogram: ExponentialHistogram, from_ms: int) -> None:
        self.histogram = histogram
        self.from_ms = from_ms
        self.through_ms = from_ms


class Windows:
    """The last so many panes of a series, up to 30 days.

    A series is fed from the cells that are held when it is first asked for, then with each pane
    that becomes complete, so its windows outlive the cells.

    **Guarantee:** the truth lies in [lower, upper], which is within `relative_error` of the
    window's sum; exact where nothing had to be joined.

    Args:
        cells: tells what is complete.
        gate: releases the panes.
        relative_error: of the histograms.
        most_series: how many are kept; the one not asked for longest goes first.
    """

    def __init__(
        self, cells: HeldCells, gate: Gate, relative_error: float, most_series: int
    ) -> None:
        self._cells = cells
        self._gate = gate
        self._error = relative_error
        self._most = most_series
        self._lock = threading.Lock()
        self._fed: OrderedDict[Series, _Fed] = OrderedDict()
        self._settled = cells.settled

    def __len__(self) -> int:
        return len(self._fed)

    @property
    def buckets(self) -> int:
        """How many buckets all histograms hold."""
        with self._lock:
            return sum(each.histogram.buckets for each in self._fed.values())

    def sum(self, series: Series, window_ms: int) -> tuple[Range, Estimate]:
        """Return the window that ends with the last complete pane, and its sum.

        Raises:
            QuestionError: longer than 30 days, nothing complete yet, or begins before what this
                series has seen.
        """
        if window_ms > MAX_WINDOW_MS:
            raise bad_question("window", "give at most 30 days")
        pane_ms = self._cells.data_set.pane_ms
        through_ms = self._cells.complete_through_ms
        asked = Range(max(0, through_ms - window_ms), through_ms)
        if not through_ms:
            require_complete(Range(0, pane_ms), self._cells)
        with self._lock:
            fed = self._get(series)
            if asked.start_ms < fed.from_ms:
                require_held(asked, self._cells)
            through_ms = self._feed(series, fed)
            asked = Range(max(0, through_ms - window_ms), through_ms)
            ticks = (asked.end_ms - asked.start_ms) // pane_ms
            return asked, fed.histogram.estimate(ticks, through_ms // pane_ms - 1)

    def keep_up(self) -> None:
        """Feed every series that is kept with the panes that became complete."""
        with self._lock:
            for series in STANDING:
                self._get(series)
            for series, fed in self._fed.items():
                self._feed(series, fed)

    def _get(self, series: Series) -> _Fed:
        if self._cells.settled != self._settled:
            # A figure that was complete changed: what is held is right, the histograms are not.
            self._settled = self._cells.settled
            self._fed.clear()
        fed = self._fed.get(series)
        if fed is None:
            data_set = self._cells.data_set
            ticks = max(1, MAX_WINDOW_MS // data_set.pane_ms)
            earliest = max(0, self._cells.complete_through_ms - MAX_WINDOW_MS)
            start_ms = data_set.pane_of(max(self._cells.floor_ms, earliest))
            fed = self._fed[series] = _Fed(ExponentialHistogram(ticks, self._error), start_ms)
            while len(self._fed) > self._most:
                oldest = next(each for each in self._fed if each not in STANDING)
                del self._fed[oldest]
        self._fed.move_to_end(series)
        return fed

    def _feed(self, series: Series, fed: _Fed) -> int:
        through_ms = self._cells.complete_through_ms
        if through_ms > fed.through_ms:
            starts, counts = self._gate.panes(Range(fed.through_ms, through_ms), series)
            pane_ms = self._cells.data_set.pane_ms
            for start_ms, count in zip(starts.tolist(), counts.tolist(), strict=True):
                fed.histogram.add(start_ms // pane_ms, count)
            fed.through_ms = through_ms
        return fed.through_ms
