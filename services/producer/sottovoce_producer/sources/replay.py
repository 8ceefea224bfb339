"""Source `log`, into `live`: everybody's log at once, moved to now by whole weeks.

Each person's log is laid on a ring of whole weeks. Replica r of a person starts r weeks on in the
ring, at the weekday and the hour that it is now, and goes once around: so it plays each play of
the log once, mornings in the morning, and many replicas make a crowd with real rhythms.

What ends when:

- own rhythm: a play ends at its own weekday and time, the log's moved by whole weeks;
- at a rate, or as fast as possible: plays come in the same order, and each ends when it is sent,
  because `live` takes nothing that is older than its lateness. One listener's plays end a
  millisecond apart at least, so no two of them are one; few listeners go no faster than that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS, SECOND_MS
from sottovoce_producer.plays import Plays
from sottovoce_producer.sources import Wait
from sottovoce_producer.sources.log import WEEK_MS, replica_account
from sottovoce_producer.writer import Batch

type Longs = npt.NDArray[np.int64]

# 1970 began on a Thursday; weeks begin on Mondays.
_MONDAY_MS: Final = 4 * DAY_MS
_RING_BITS: Final = 42


def week_of(time_ms: int) -> int:
    """Return the start of a time's week, a Monday, UTC."""
    return time_ms - (time_ms - _MONDAY_MS) % WEEK_MS


@dataclass(frozen=True, slots=True)
class Window:
    """Some plays of all replicas, in the order of their times on the common clock.

    Attributes:
        play: which plays of the log.
        replica: of which replica.
        at_ms: when, on the common clock.
    """

    play: Longs
    replica: Longs
    at_ms: Longs


class Rings:
    """Everybody's log on a ring of whole weeks.

    Args:
        plays: the whole log.
        replicas: how many listeners each person's log makes.
    """

    def __init__(self, plays: Plays, replicas: int) -> None:
        weeks = plays.end_time_ms - (plays.end_time_ms - _MONDAY_MS) % WEEK_MS
        people = len(plays.accounts)
        first = np.full(people, np.iinfo(np.int64).max)
        np.minimum.at(first, plays.account, weeks)
        last = np.zeros(people, np.int64)
        np.maximum.at(last, plays.account, weeks)
        self._around = last - first + WEEK_MS
        place = plays.account.astype(np.int64) << _RING_BITS | (
            plays.end_time_ms - first[plays.account]
        )
        self._order = np.argsort(place, kind="stable")
        self._places = place[self._order]
        self._person = np.tile(np.arange(people), replicas)
        self._replica = np.repeat(np.arange(replicas), people)

    @property
    def longest_ms(self) -> int:
        """How long the longest ring is."""
        return int(self._around.max())

    def window(self, since_ms: int, from_ms: int, until_ms: int) -> Window:
        """Return what is played from `from_ms` until before `until_ms` on the common clock.

        Args:
            since_ms: when everybody began, on the common clock, where 0 is a Monday.
            from_ms: not before `since_ms`.
            until_ms: after `from_ms` by a week at most.
        """
        around = self._around[self._person]
        until = np.minimum(until_ms, since_ms + around)
        begin = (from_ms + self._replica * WEEK_MS) % around
        span = np.maximum(until - from_ms, 0)
        straight = np.minimum(span, around - begin)
        # A window may run over the end of a ring: its second part begins at 0.
        person = np.r_[self._person, self._person]
        replica = np.r_[self._replica, self._replica]
        low = np.r_[begin, np.zeros_like(begin)]
        high = np.r_[begin + straight, span - straight]
        at = np.r_[np.full(len(begin), from_ms), from_ms + straight]
        ring = person << _RING_BITS
        first = np.searchsorted(self._places, ring + low)
        size = np.searchsorted(self._places, ring + high) - first
        which = np.repeat(np.arange(len(size)), size)
        step = np.arange(len(which)) - np.repeat(np.cumsum(size) - size, size)
        index = first[which] + step
        at_ms = at[which] + (self._places[index] - ring[which] - low[which])
        order = np.argsort(at_ms, kind="stable")
        return Window(self._order[index][order], replica[which][order], at_ms[order])


class LogIntoLive:
    """A log moved to now.

    Args:
        plays: the whole log.
        name: the source's name.
        data_set: where plays go.
        replicas: how many listeners each person's log makes.
        rate: plays a second; 0: as fast as they are taken; None: their own rhythm.
        batch_ms: how much time a batch spans, where a pace is kept.
        batch_plays: the most plays of a batch, about.
        clock_ms: the time.
        wait: sleeps; tells when to stop.
    """

    def __init__(
        self,
        plays: Plays,
        *,
        name: str,
        data_set: str,
        replicas: int,
        rate: float | None,
        batch_ms: int,
        batch_plays: int,
        clock_ms: Callable[[], int],
        wait: Wait,
    ) -> None:
        self.name = name
        self._plays = plays
        self._data_set = data_set
        self._rate = rate
        self._batch_ms = batch_ms
        self._batch_plays = batch_plays
        self._clock_ms = clock_ms
        self._wait = wait
        self._rings = Rings(plays, replicas)
        self._people = len(plays.accounts)
        self._last_ms = np.zeros(replicas * self._people, np.int64)
        self._accounts = [replica_account(a, r) for r in range(replicas) for a in plays.accounts]

    def batches(self, cursor: bytes | None) -> Iterator[Batch]:
        """Yield what follows, at its pace."""
        if not len(self._plays):
            return iter(())
        now_ms = self._clock_ms()
        at = {"monday": week_of(now_ms), "since": now_ms - week_of(now_ms)}
        at |= {"at": at["since"], "span": SECOND_MS, "done": 0}
        if cursor:
            at = json.loads(cursor)
        return self._own_rhythm(at) if self._rate is None else self._at_rate(at)

    def _own_rhythm(self, at: dict[str, int]) -> Iterator[Batch]:
        end = at["since"] + self._rings.longest_ms
        while at["at"] < end:
            until = min(self._clock_ms() - at["monday"], at["at"] + HOUR_MS)
            if until > at["at"]:
                window = self._rings.window(at["since"], at["at"], until)
                at = {**at, "at": until}
                if window.play.size:
                    yield self._batch(window, window.at_ms + at["monday"], at)
            if self._wait(self._batch_ms / 1000):
                return

    def _at_rate(self, at: dict[str, int]) -> Iterator[Batch]:
        rate = self._rate or 0.0
        most = self._batch_plays
        if rate:
            most = min(most, max(1, int(rate * self._batch_ms / 1000)))
        before_ms = self._clock_ms()
        while at["at"] < at["since"] + self._rings.longest_ms:
            window, following = self._gather(at)
            size = len(window.play)
            while at["done"] < size:
                chosen = slice(at["done"], at["done"] + most)
                part = Window(window.play[chosen], window.replica[chosen], window.at_ms[chosen])
                due_ms = before_ms + (len(part.play) / rate * 1000 if rate else 0)
                if self._wait(max(0.0, (due_ms - self._clock_ms()) / 1000)):
                    return
                now_ms = self._clock_ms()
                part, times = self._spread(part, before_ms, now_ms)
                if self._wait(max(0.0, (int(times.max()) - self._clock_ms()) / 1000)):
                    return
                before_ms = self._clock_ms() if not rate else max(int(due_ms), now_ms - SECOND_MS)
                at = {**at, "done": at["done"] + len(part.play)}
                yield self._batch(part, times, following if at["done"] == size else at)
            at = following

    def _spread(self, window: Window, since_ms: int, until_ms: int) -> tuple[Window, Longs]:
        """Spread plays evenly over a time, a millisecond apart for each listener.

        Returns:
            The plays that fit within a second of its end, at least one, and when each ends.
        """
        count = len(window.play)
        times = until_ms + (np.arange(1, count + 1) - count) * max(0, until_ms - since_ms) // count
        listener = window.replica * self._people + self._plays.account[window.play]
        order = np.argsort(listener, kind="stable")
        whose, first, size = np.unique(listener[order], return_index=True, return_counts=True)
        step = np.arange(count) - np.repeat(first, size)
        # A time less one's step never falls within a listener: so the times rise by 1 at least.
        level = np.maximum(times[order], np.repeat(self._last_ms[whose] + 1, size)) - step
        for begin, length in zip(first, size, strict=True):
            some = slice(begin, begin + length)
            level[some] = np.maximum.accumulate(level[some])
        times[order] = level + step
        beyond = times > until_ms + SECOND_MS
        fits = max(1, int(beyond.argmax())) if beyond.any() else count
        times = times[:fits]
        np.maximum.at(self._last_ms, listener[:fits], times)
        return Window(window.play[:fits], window.replica[:fits], window.at_ms[:fits]), times

    def _gather(self, at: dict[str, int]) -> tuple[Window, dict[str, int]]:
        """Return about a batch of plays and where the next ones begin; `at` alone decides."""
        span, until = at["span"], at["at"]
        end = at["since"] + self._rings.longest_ms
        windows: list[Window] = []
        size = 0
        while until < end and size < self._batch_plays:
            windows.append(self._rings.window(at["since"], until, until + span))
            until += span
            found = len(windows[-1].play)
            size += found
            # Years may be empty, and a second may be full.
            if 4 * found < self._batch_plays:
                span = min(2 * span, WEEK_MS)
            elif found > 2 * self._batch_plays:
                span = max(span // 2, 1)
        whole = Window(
            *(
                np.concatenate([getattr(each, name) for each in windows])
                for name in ("play", "replica", "at_ms")
            )
        )
        return whole, {**at, "at": until, "span": span, "done": 0}

    def _batch(self, window: Window, end_time_ms: Longs, cursor: dict[str, int]) -> Batch:
        chosen = self._plays.select(window.play)
        plays = Plays(
            self._accounts,
            chosen.tracks,
            chosen.account + (window.replica * self._people).astype(np.int32),
            chosen.track,
            end_time_ms,
            chosen.ms_played,
            chosen.country,
            chosen.flags,
            chosen.private,
        )
        return Batch(self._data_set, plays, self.name, json.dumps(cursor).encode())
