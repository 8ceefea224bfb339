"""The source of made-up plays: a crowd's, one after the other, at any rate."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np

from sottovoce_producer.sources import Wait
from sottovoce_producer.sources.crowd import Crowd, Longs
from sottovoce_producer.writer import Batch


class Simulator:
    """A source of made-up plays at any rate.

    Args:
        crowd: whose plays.
        name: the source's name.
        data_set: where they go.
        rate: plays a second on average over a day; 0: as fast as they are taken.
        follows_day: whether the rate follows the hours of the day.
        start_ms: the time of the first play, then times follow the rate, not the clock; None: each
            play ends when it is made.
        plays: how many in all; None: no end.
        batch_ms: how much time a batch spans, where the rate is kept.
        batch_plays: the most plays of a batch.
        clock_ms: the time.
        wait: sleeps; tells when to stop.
    """

    def __init__(
        self,
        crowd: Crowd,
        *,
        name: str,
        data_set: str,
        rate: float,
        follows_day: bool,
        start_ms: int | None,
        plays: int | None,
        batch_ms: int,
        batch_plays: int,
        clock_ms: Callable[[], int],
        wait: Wait,
    ) -> None:
        self.name = name
        self._crowd = crowd
        self._data_set = data_set
        self._rate = rate
        self._follows_day = follows_day
        self._start_ms = start_ms
        self._plays = plays
        self._batch_ms = batch_ms
        self._batch_plays = batch_plays
        self._clock_ms = clock_ms
        self._wait = wait

    def batches(self, cursor: bytes | None) -> Iterator[Batch]:
        """Yield plays from where the simulator stood."""
        at = int(json.loads(cursor)["plays"]) if cursor else 0
        began_ms, owed = self._clock_ms(), 0.0
        while self._plays is None or at < self._plays:
            now_ms = self._clock_ms()
            if self._rate == 0:
                count = self._batch_plays
            else:
                owed += (now_ms - began_ms) / 1000 * self._rate_at(now_ms)
                count = min(int(owed), self._batch_plays)
                owed -= count
            if self._plays is not None:
                count = min(count, self._plays - at)
            if count:
                numbers = np.arange(at, at + count)
                at += count
                yield Batch(
                    self._data_set,
                    self._crowd.plays(numbers, self._times(numbers, began_ms, now_ms)),
                    self.name,
                    json.dumps({"plays": at}).encode(),
                )
            began_ms = now_ms
            left = 0.0 if self._rate == 0 else self._batch_ms - (self._clock_ms() - now_ms)
            if self._wait(max(0.0, left / 1000)):
                return

    def _rate_at(self, time_ms: int) -> float:
        return self._rate * (self._crowd.rhythm(time_ms) if self._follows_day else 1.0)

    def _times(self, numbers: Longs, since_ms: int, now_ms: int) -> Longs:
        if self._start_ms is not None:
            return self._start_ms + (numbers * 1000 / (self._rate or 1000.0)).astype(np.int64)
        count = len(numbers)
        span = max(0, now_ms - since_ms)
        return now_ms - span + (np.arange(1, count + 1) * span / count).astype(np.int64)
