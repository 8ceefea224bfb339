"""Sliding windows of any released series: exponential histograms fed with what was released."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from typing import Final

from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.privacy import Noise, half_width
from sottovoce.sketches import Estimate, ExponentialHistogram
from sottovoce_query.errors import QuestionError, bad_question
from sottovoce_query.figures import CONFIDENCE, Noises
from sottovoce_query.gate import Gate, Series, Steps
from sottovoce_query.held import HeldCells
from sottovoce_query.ranges import Range, require_complete

MAX_WINDOW_MS: Final = 30 * DAY_MS

STANDING: Final = (Series("all"), Series("new_listeners"))
"""Series that are kept from the start on, whether anybody asks or not."""


class _Fed:
    """A histogram of a series, and what it has seen: ticks in [from, through).

    Args:
        ticks: the longest window.
        error: of the histogram.
        tick_ms: how long a tick is.
        from_ms: where it begins.
    """

    def __init__(self, ticks: int, error: float, tick_ms: int, from_ms: int) -> None:
        self.histogram = ExponentialHistogram(ticks, error)
        self.missing = ExponentialHistogram(ticks, error)
        self.tick_ms = tick_ms
        self.from_ms = from_ms
        self.through_ms = from_ms
        self._noises: list[tuple[int, Noises]] = []  # from which tick on each tick has which

    def feed(self, steps: Steps, through_ms: int) -> None:
        """Add the ticks that came since."""
        ticks = (steps.starts_ms // self.tick_ms).tolist()
        counts, missing = steps.counts.tolist(), steps.missing.tolist()
        for tick, count, more, noises in zip(ticks, counts, missing, steps.noises, strict=True):
            self.histogram.add(tick, count)
            self.missing.add(tick, more)
            if not self._noises or self._noises[-1][1] != noises:
                self._noises.append((tick, noises))
        self.through_ms = through_ms

    def sum(self, start_ms: int, end_ms: int) -> tuple[Estimate, float, Counter[Noise]]:
        """Return the sum of the ticks of a window, what may be missing, and the noise in it."""
        first, stop = start_ms // self.tick_ms, end_ms // self.tick_ms
        if stop <= first:
            return Estimate.exact(0.0), 0.0, Counter()
        found = self.histogram.estimate(stop - first, stop - 1)
        more = self.missing.estimate(stop - first, stop - 1).upper
        total: Counter[Noise] = Counter()
        ends = [tick for tick, _ in self._noises[1:]] + [stop]
        for (begin, noises), end in zip(self._noises, ends, strict=True):
            times = min(end, stop) - max(begin, first)
            if times > 0:
                total.update({noise: many * times for noise, many in noises.items()})
        return found, more, total


class Windows:
    """The last so many panes of a series, up to 30 days.

    A series is fed from the releases that are held when it is first asked for, then with each step
    that becomes complete; nothing is charged, and its windows outlive the cells. Series of tracks
    and artists are fed with whole slices, by their own releases, and the steps at a window's ends
    are added.

    **Guarantee:** the histogram's error is at most `relative_error` of the sum of the |released
    figures| in the window, and none where nothing had to be joined. The interval adds that of the
    noise, so it holds the truth at its confidence.

    **Source:** Datar, Gionis, Indyk & Motwani, SIAM J. Comput. 31 (2002), as in
    `sottovoce.sketches.ExponentialHistogram`.

    Args:
        cells: tells the grid.
        gate: releases the steps.
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
        self._revision = gate.revision

    def __len__(self) -> int:
        return len(self._fed)

    def sum(self, series: Series, window_ms: int) -> tuple[Range, Estimate]:
        """Return the window that ends with the last complete step, and its sum.

        It is as long as asked for, or as what can be asked about: the range that comes back says.

        Raises:
            QuestionError: longer than 30 days, off the grain, or nothing complete yet.
        """
        if window_ms > MAX_WINDOW_MS:
            raise bad_question("window", "give at most 30 days")
        step_ms = self._step_ms(series)
        if window_ms % step_ms:
            raise bad_question(
                "window",
                f"this series goes by steps of {step_ms / 1000:g} s; the nearest window is "
                f"{(window_ms + -window_ms % step_ms) / 1000:g} s",
                "RANGE_NOT_ALIGNED",
            )
        with self._lock:
            end_ms = self._gate.complete_through_ms - self._gate.complete_through_ms % step_ms
            if not end_ms:
                require_complete(Range(0, step_ms), self._cells, self._gate)
            fed = self._get(series)
            asked = Range(max(fed.from_ms, end_ms - window_ms), end_ms)
            self._feed(series, fed)
            return asked, self._sum(series, fed, asked)

    def _sum(self, series: Series, fed: _Fed, asked: Range) -> Estimate:
        begin_ms = asked.start_ms
        first_ms = begin_ms + -begin_ms % fed.tick_ms
        stop_ms = asked.end_ms - asked.end_ms % fed.tick_ms
        total: Counter[Noise] = Counter()
        value = lower = upper = 0.0
        before = Range(begin_ms, min(first_ms, asked.end_ms))
        after = Range(max(first_ms, stop_ms), asked.end_ms)
        for edge in (before, after):
            if edge.start_ms >= edge.end_ms:
                continue
            steps = self._gate.series(edge, series, "step")
            count = float(steps.counts.sum())
            value, lower, upper = value + count, lower + count, upper + count
            upper += float(steps.missing.sum())
            for noises in steps.noises:
                total.update(noises)
        inside, more, noise = fed.sum(first_ms, stop_ms)
        total.update(noise)
        width = half_width(total, CONFIDENCE)
        value += inside.value
        if not total:
            return Estimate(value, lower + inside.lower, upper + inside.upper)
        return Estimate(
            max(0.0, value),
            max(0.0, lower + inside.lower - width),
            max(0.0, upper + inside.upper) + more + width,
        )

    def keep_up(self) -> None:
        """Feed every series that is kept with what became complete.

        One that its slices have no budget for is let go of: whoever asks for it is told why.
        """
        with self._lock:
            for series in STANDING:
                self._get(series)
            for series, fed in list(self._fed.items()):
                try:
                    self._feed(series, fed)
                except QuestionError:
                    del self._fed[series]

    def _step_ms(self, series: Series) -> int:
        return self._gate.ranking_ms if series.is_ranked else self._cells.data_set.pane_ms

    def _get(self, series: Series) -> _Fed:
        if self._gate.revision != self._revision:
            # A figure that was given changed: what is held is right, the histograms are not.
            self._revision = self._gate.revision
            self._fed.clear()
        fed = self._fed.get(series)
        if fed is None:
            data_set = self._cells.data_set
            tick_ms = data_set.slice_ms if series.is_ranked else data_set.pane_ms
            earliest = max(0, self._gate.complete_through_ms - MAX_WINDOW_MS)
            start_ms = max(self._gate.floor_ms, earliest)
            start_ms += -start_ms % self._step_ms(series)
            ticks = max(1, MAX_WINDOW_MS // tick_ms)
            fed = self._fed[series] = _Fed(ticks, self._error, tick_ms, start_ms)
            while len(self._fed) > self._most:
                oldest = next(each for each in self._fed if each not in STANDING)
                del self._fed[oldest]
        self._fed.move_to_end(series)
        return fed

    def _feed(self, series: Series, fed: _Fed) -> None:
        through_ms = self._gate.complete_through_ms
        through_ms -= through_ms % fed.tick_ms
        begin_ms = fed.through_ms + -fed.through_ms % fed.tick_ms
        if through_ms > begin_ms:
            steps = self._gate.series(
                Range(begin_ms, through_ms), series, "slice" if series.is_ranked else "step"
            )
            fed.feed(steps, through_ms)
