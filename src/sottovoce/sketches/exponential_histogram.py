"""Sums over sliding windows: an exponential histogram over ordered ticks."""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from operator import index
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sottovoce.sketches.errors import InvalidParameter, NotMergeable, OutOfOrder, UnsupportedItems
from sottovoce.sketches.estimate import Estimate, float_above, float_below
from sottovoce.sketches.integers import decode_integers, encode_integers
from sottovoce.sketches.sketch import Sketch

_HEAD = struct.Struct("<qd?q")
_SIDE_HEAD = struct.Struct("<qq")
_MAX_TICK = 1 << 61
_MAX_SIZE = 1 << 62
_SPARE_BUCKETS = 24


class ExponentialHistogram(Sketch):
    """Answers "how much in the last w ticks" for every w up to `window`, in logarithmic space.

    Counts may be negative: positive and negative ones are two histograms, and the answer is their
    difference. Ticks are integers of any unit that never go back. A bucket holds the sum of a run
    of ticks; two neighbours become one where their sum is at most 2 x relative_error of all that
    is newer. Only one bucket can straddle the edge of a window, and a bucket of a single tick never
    does, so a histogram in which nothing was joined is exact.

    **Guarantee:** the error is at most relative_error x (sum of |counts| in the window), and
    [lower, upper] always holds the truth. At most about 1.5 ln(S) / relative_error + 24
    buckets of 24 bytes for a sum S.

    **Source:** Datar, Gionis, Indyk & Motwani, "Maintaining stream statistics over sliding
    windows", SIAM J. Comput. 31 (2002): invariant 1, kept for sums with buckets of any size
    instead of powers of two, so that a count of any size is one step.

    Not mergeable: its content depends on the order of what was added.

    Args:
        window: the longest window, in ticks; by default 30 days of minutes.
        relative_error: between 0 and 0.5.

    >>> plays = ExponentialHistogram(window=60)
    >>> plays.update([(1, 5), (2, 7), (61, 4)])
    >>> plays.estimate().value, plays.estimate(window=30).value
    (11.0, 4.0)
    """

    KIND = 6
    __slots__ = ("_down", "_error", "_now", "_up", "_window")

    def __init__(self, window: int = 43_200, relative_error: float = 0.01) -> None:
        if not 1 <= window < _MAX_TICK:
            raise InvalidParameter(f"window must be a positive number of ticks: {window}")
        if not 0.0 < relative_error <= 0.5:
            raise InvalidParameter(
                f"relative_error must be above 0 and at most 0.5: {relative_error}"
            )
        self._window, self._error = window, relative_error
        self._now: int | None = None
        self._up, self._down = _Side(), _Side()

    @property
    def window(self) -> int:
        """The longest window, in ticks."""
        return self._window

    @property
    def relative_error(self) -> float:
        """The greatest error, as a share of the sum of |counts| in the window."""
        return self._error

    @property
    def now(self) -> int | None:
        """The newest tick that was added; None before the first."""
        return self._now

    @property
    def buckets(self) -> int:
        """How many buckets it holds."""
        return len(self._up.sizes) + len(self._down.sizes)

    def update(self, items: Iterable[tuple[int, int]] | NDArray[np.int64]) -> None:
        """Adds rows of (tick, count) in order; the same as `add` for each, up to one it refuses."""
        rows = items.tolist() if isinstance(items, np.ndarray) else items
        for row in rows:
            try:
                tick, count = row
            except (TypeError, ValueError) as error:
                raise UnsupportedItems(f"a row must be (tick, count): {row!r:.60}") from error
            self.add(tick, count)

    def add(self, tick: int, count: int = 1) -> None:
        """Adds a count at a tick; a count of 0 only moves the time on.

        Raises:
            OutOfOrder: where a newer tick was added before.
        """
        try:
            tick, count = index(tick), index(count)
        except TypeError as error:
            raise UnsupportedItems(
                f"a tick and a count must be integers: {tick!r:.60}, {count!r:.60}"
            ) from error
        if not -_MAX_TICK < tick < _MAX_TICK:
            raise InvalidParameter(f"a tick must be within 2^61 of 0: {tick}")
        if self._now is not None and tick < self._now:
            raise OutOfOrder(
                f"tick {tick} is older than {self._now}, which was already added: sort the ticks"
            )
        if count:
            side = self._up if count > 0 else self._down
            side.add(tick, abs(count), tick - self._window, 2.0 * self._error)
        self._now = tick

    def estimate(self, window: int | None = None, now: int | None = None) -> Estimate:
        """The sum of the counts at ticks in (now - window, now].

        Args:
            window: at most the window of the histogram, which is the default.
            now: the newest tick or a later one; by default the newest.
        """
        length = self._window if window is None else window
        if not 0 <= length <= self._window:
            raise InvalidParameter(f"a window must be from 0 to {self._window} ticks: {length}")
        if self._now is None:
            return Estimate.exact(0.0)
        moment = self._now if now is None else now
        if moment < self._now:
            raise InvalidParameter(
                f"a window can't end at {moment}, before the newest tick {self._now}"
            )
        least, most = self._up.bounds(moment - length)
        less, more = self._down.bounds(moment - length)
        value = (least + most - less - more) / 2
        return Estimate(value, float_below(least - more), float_above(most - less))

    def merge(self, other: Self) -> None:
        """Always raises NotMergeable."""
        raise NotMergeable(
            f"an ExponentialHistogram can't take in a {type(other).__name__}: it depends on the "
            "order of the ticks; add the counts to one of them"
        )

    def payload(self) -> bytes:
        """Parameters and time, then both sides' buckets. Depends on the order of what was added."""
        return self._head() + self._up.payload() + self._down.payload()

    def _head(self) -> bytes:
        known = self._now is not None
        return _HEAD.pack(self._window, self._error, known, self._now or 0)

    def _body(self) -> bytes:
        return self._head() + self._up.encode() + self._down.encode()

    @classmethod
    def _restore(cls, body: bytes) -> Self:
        window, error, known, now = _HEAD.unpack_from(body)
        sketch = cls(window, error)
        sketch._now = now if known else None
        sketch._up, offset = _Side.decode(body, _HEAD.size)
        sketch._down, offset = _Side.decode(body, offset)
        return sketch

    def _parameters(self) -> dict[str, object]:
        return {"window": self._window, "relative_error": self._error}

    def _merge(self, other: Self) -> None:
        self.merge(other)


class _Side:
    """The buckets of counts of one sign, oldest first: first tick, last tick, sum."""

    __slots__ = ("firsts", "lasts", "limit", "sizes")

    def __init__(self) -> None:
        self.firsts, self.lasts, self.sizes = array("q"), array("q"), array("q")
        self.limit = _SPARE_BUCKETS

    def add(self, tick: int, count: int, expired: int, share: float) -> None:
        again = bool(self.lasts) and self.lasts[-1] == tick  # the newest is always a single tick
        if again:
            count += self.sizes[-1]
        if count > _MAX_SIZE:
            raise InvalidParameter(f"the counts of one tick pass 2^62: {count}")
        if again:
            self.sizes[-1] = count
            return
        self.firsts.append(tick)
        self.lasts.append(tick)
        self.sizes.append(count)
        if len(self.sizes) > self.limit:
            self._join(expired, share)

    def _join(self, expired: int, share: float) -> None:
        """Drops what no window can reach and joins neighbours; waits for half as many again."""
        begin = bisect_right(self.lasts, expired)
        buckets = zip(self.firsts[begin:], self.lasts[begin:], self.sizes[begin:], strict=True)
        joined: list[tuple[int, int, int]] = []
        newer = 0
        held: tuple[int, int, int] | None = None
        for first, last, size in reversed(list(buckets)):
            if held is None:
                held = first, last, size
            elif held[2] + size <= min(share * newer, _MAX_SIZE):
                held = first, held[1], held[2] + size
            else:
                joined.append(held)
                newer += held[2]
                held = first, last, size
        if held is not None:
            joined.append(held)
        joined.reverse()
        self.firsts = array("q", (bucket[0] for bucket in joined))
        self.lasts = array("q", (bucket[1] for bucket in joined))
        self.sizes = array("q", (bucket[2] for bucket in joined))
        self.limit = len(joined) + len(joined) // 2 + _SPARE_BUCKETS

    def bounds(self, edge: int) -> tuple[int, int]:
        """The least and the greatest that the sum of the counts after `edge` can be."""
        begin = bisect_right(self.lasts, edge)
        if begin == len(self.sizes):
            return 0, 0
        whole = sum(self.sizes[begin:])
        if self.firsts[begin] > edge:
            return whole, whole
        # The bucket's last tick is inside, its first outside, and neither is empty.
        return whole - self.sizes[begin] + 1, whole - 1

    def payload(self) -> bytes:
        columns = (np.array(column, "<i8") for column in (self.firsts, self.lasts, self.sizes))
        head = _SIDE_HEAD.pack(self.limit, len(self.sizes))
        return head + b"".join(column.tobytes() for column in columns)

    def encode(self) -> bytes:
        firsts, lasts, sizes = (
            np.array(column, np.int64) for column in (self.firsts, self.lasts, self.sizes)
        )
        columns = np.diff(firsts, prepend=firsts[:1]), lasts - firsts, sizes
        coded = [encode_integers(column.astype(np.uint64)) for column in columns]
        return _SIDE_HEAD.pack(self.limit, self.firsts[0] if self.firsts else 0) + b"".join(coded)

    @classmethod
    def decode(cls, body: bytes, offset: int) -> tuple[Self, int]:
        side = cls()
        side.limit, start = _SIDE_HEAD.unpack_from(body, offset)
        offset += _SIDE_HEAD.size
        columns = []
        for _ in range(3):
            column, offset = decode_integers(body, offset)
            columns.append(column.astype(np.int64))
        if len({len(column) for column in columns}) != 1:
            raise ValueError("the columns don't fit each other")
        firsts = start + np.cumsum(columns[0])
        lasts = firsts + columns[1]
        side.firsts, side.lasts, side.sizes = (
            array("q", column.tolist()) for column in (firsts, lasts, columns[2])
        )
        if any(second <= first for first, second in pairwise(side.lasts)):
            raise ValueError("the buckets are not in order")
        return side, offset
