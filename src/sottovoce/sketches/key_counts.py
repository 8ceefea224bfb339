"""Exact counts per group and key, compact on the wire."""

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sottovoce.sketches.errors import InvalidParameter, SketchError
from sottovoce.sketches.estimate import Estimate
from sottovoce.sketches.hashing import Words, hash_items
from sottovoce.sketches.integers import (
    decode_integers,
    decode_number,
    encode_integers,
    encode_number,
)
from sottovoce.sketches.items import ItemsLike
from sottovoce.sketches.key_rows import Counts, Groups, Rows, aggregate, run_begins, sum_runs
from sottovoce.sketches.sketch import Sketch

_MAX_WIDTH = 64
_MAX_PENDING_ROWS = 1 << 20


class KeyCounts(Sketch):
    """A map from (group: uint32, key: uint64) to `width` exact counters.

    In a cell a group is a pane, a key is a track, and the counters are plays and first-of marks.
    Rows whose counters are all 0 are not kept, so equal counts are equal bytes.

    **Guarantee:** every count is exact.

    **Source:** none needed; the wire form is sorted by key, keys and groups as the gaps between
    them, in the codes of `sottovoce.sketches.integers`.

    Args:
        width: how many counters each key has.

    >>> plays = KeyCounts()
    >>> plays.update(["song", "song", "tune"])
    >>> plays.count("song"), plays.total(), plays.estimate().value
    (2, 3, 2.0)
    """

    KIND = 2
    __slots__ = ("_pending_rows", "_state", "_width")

    def __init__(self, width: int = 1) -> None:
        if not 1 <= width <= _MAX_WIDTH:
            raise InvalidParameter(f"width must be from 1 to {_MAX_WIDTH}: {width}")
        self._width = width
        nothing: Rows = (
            np.empty(0, dtype=np.uint32),
            np.empty(0, dtype=np.uint64),
            np.empty((0, width), dtype=np.int64),
        )
        # What is settled and what waits change together, so that threads may read at one time.
        self._state: tuple[Rows, list[Rows]] = nothing, []
        self._pending_rows = 0

    @property
    def width(self) -> int:
        """How many counters each key has."""
        return self._width

    @property
    def groups(self) -> Groups:
        """The group of each row; rows are sorted by group, then by key."""
        return self._rows()[0]

    @property
    def keys(self) -> Words:
        """The key of each row."""
        return self._rows()[1]

    @property
    def counts(self) -> Counts:
        """The counters of each row, shape (rows, width)."""
        return self._rows()[2]

    def __len__(self) -> int:
        return len(self.keys)

    def update(self, items: ItemsLike) -> None:
        """Counts each item once, in column 0 of group 0, its key the first half of its hash."""
        keys = hash_items(items)[0]
        counts = np.zeros((len(keys), self._width), dtype=np.int64)
        counts[:, 0] = 1
        self.add(np.zeros(len(keys), dtype=np.uint32), keys, counts)

    def add(self, groups: ArrayLike, keys: ArrayLike, counts: ArrayLike) -> None:
        """Adds counts to rows; the same row may stand more than once.

        Args:
            groups: the rows' groups, shape (n,), or one for all.
            keys: the rows' keys, uint64, shape (n,).
            counts: not negative, shape (n,) for width 1 or (n, width), or one for all.
        """
        given = _read_integers(keys, "keys")
        if given.dtype.kind == "i" and given.size and given.min() < 0:
            raise InvalidParameter(f"a key must be from 0 to 2^64 - 1: {given.min()}")
        key = np.ascontiguousarray(given, dtype=np.uint64)
        group = _read_integers(groups, "groups")
        count = _read_integers(counts, "counts").astype(np.int64)
        if group.size and (group.min() < 0 or group.max() > 0xFFFFFFFF):
            raise InvalidParameter(f"a group must be from 0 to 2^32 - 1: {group.min()}")
        if key.ndim != 1:
            raise InvalidParameter(f"keys must have one dimension: shape {key.shape}")
        if count.ndim == 1 and self._width == 1 and count.shape == key.shape:
            count = count[:, None]
        try:
            groups_of_rows = np.broadcast_to(group.astype(np.uint32), key.shape)
            count = np.broadcast_to(count, (len(key), self._width))
        except ValueError as error:
            raise InvalidParameter(
                f"groups and counts don't fit {len(key)} keys of width {self._width}: "
                f"shapes {np.shape(groups)} and {np.shape(counts)}"
            ) from error
        if count.size and count.min() < 0:
            raise InvalidParameter(f"a count can't be negative: {count.min()}")
        self._append(aggregate(groups_of_rows, key, count))

    def _append(self, rows: Rows) -> None:
        if not len(rows[1]):
            return
        settled, pending = self._state
        pending.append(rows)
        self._pending_rows = (0 if len(pending) == 1 else self._pending_rows) + len(rows[1])
        if self._pending_rows > max(_MAX_PENDING_ROWS, 2 * len(settled[1])):
            self._rows()

    def _rows(self) -> Rows:
        """All rows, settled: additions wait until somebody looks, so that many cost one sort."""
        settled, pending = self._state
        if not pending:
            return settled
        parts = [settled, *pending] if len(settled[1]) else pending
        if len(parts) == 1:
            settled = parts[0]
        else:
            groups, keys, counts = zip(*parts, strict=True)
            settled = aggregate(
                np.concatenate(groups), np.concatenate(keys), np.concatenate(counts)
            )
        self._state = settled, []
        return settled

    def total(self, column: int = 0) -> int:
        """The sum of one column."""
        return sum(self.counts[:, column].tolist())

    def count(self, item: str | bytes, column: int = 0) -> int:
        """How often an item was counted, over all groups."""
        key = hash_items([item])[0][0]
        return sum(self.counts[self.keys == key, column].tolist())

    def by_key(self) -> tuple[Words, Counts]:
        """The distinct keys, sorted, and their counters summed over groups."""
        _, keys, counts = self._rows()
        _, keys, counts = aggregate(np.zeros(len(keys), dtype=np.uint32), keys, counts)
        return keys, counts

    def by_group(self) -> tuple[Groups, Counts]:
        """The distinct groups, sorted, and their counters summed over keys."""
        groups, _, counts = self._rows()
        begins = run_begins(groups[1:] != groups[:-1], len(groups))
        return groups[begins], sum_runs(counts, begins)

    def select(self, *groups: int) -> "KeyCounts":
        """Only the rows of the given groups."""
        chosen = KeyCounts(self._width)
        mine, keys, counts = self._rows()
        for group in sorted(set(groups)):
            begin, end = np.searchsorted(mine, [group, group + 1])
            chosen._append((mine[begin:end], keys[begin:end], counts[begin:end]))
        return chosen

    def estimate(self) -> Estimate:
        """The number of distinct keys, exactly."""
        return Estimate.exact(len(np.unique(self.keys)))

    def split(self, max_bytes: int) -> list["KeyCounts"]:
        """Parts by ranges of keys, each of at most `max_bytes` as bytes; merged they give this.

        Raises:
            SketchError: where one key alone takes more.
        """
        size = len(self.to_bytes())
        if size <= max_bytes:
            return [self.copy()]
        groups, keys, counts = self._rows()
        distinct, rows = np.unique(keys, return_counts=True)
        ends = np.cumsum(rows)
        pieces = -(-size // max_bytes)
        while pieces <= len(distinct):
            wanted = np.arange(1, pieces) * (len(keys) / pieces)
            cuts = distinct[np.unique(np.searchsorted(ends, wanted, side="right"))]
            place = np.searchsorted(cuts, keys, side="right")
            parts = []
            for piece in range(len(cuts) + 1):
                part, mine = KeyCounts(self._width), place == piece
                part._append((groups[mine], keys[mine], counts[mine]))
                parts.append(part)
            if all(len(part.to_bytes()) <= max_bytes for part in parts):
                return parts
            pieces += max(1, pieces // 8)
        if len(distinct) > 1:
            half = distinct[len(distinct) // 2]
            parts = []
            for mine in (keys < half, keys >= half):
                part = KeyCounts(self._width)
                part._append((groups[mine], keys[mine], counts[mine]))
                parts += part.split(max_bytes)
            return parts
        raise SketchError(f"one key alone takes {size} bytes, more than {max_bytes}: allow more")

    def copy(self) -> "KeyCounts":
        """Another with the same content."""
        other = KeyCounts(self._width)
        other._state = self._rows(), []
        return other

    def payload(self) -> bytes:
        """Width, then groups, keys and counters of the sorted rows, little-endian."""
        groups, keys, counts = self._rows()
        head = bytes([self._width]) + len(keys).to_bytes(8, "little")
        columns = groups.astype("<u4"), keys.astype("<u8"), counts.astype("<i8")
        return head + b"".join(column.tobytes() for column in columns)

    def _body(self) -> bytes:
        groups, keys, counts = self._rows()
        head = bytes([self._width]) + encode_number(len(keys))
        if not len(keys):
            return head
        order = np.argsort(keys, kind="stable")
        groups, keys, counts = groups[order], keys[order], counts[order]
        begins = run_begins(keys[1:] != keys[:-1], len(keys))
        distinct = keys[begins]
        gaps = np.diff(distinct, prepend=np.uint64(0))
        least = int(groups.min())
        steps = np.diff(groups.astype(np.int64), prepend=0) - 1
        steps[begins] = groups[begins].astype(np.int64) - least
        parts = [
            encode_integers(gaps),
            encode_integers(np.diff(begins, append=len(keys)).astype(np.uint64) - np.uint64(1)),
            encode_number(least),
            encode_integers(steps.astype(np.uint64)),
        ]
        parts += [encode_integers(column) for column in counts.T.astype(np.uint64)]
        return head + b"".join(parts)

    @classmethod
    def _restore(cls, body: bytes) -> Self:
        sketch = cls(body[0])
        rows, offset = decode_number(body, 1)
        if not rows:
            return sketch
        gaps, offset = decode_integers(body, offset)
        extra, offset = decode_integers(body, offset)
        least, offset = decode_number(body, offset)
        steps, offset = decode_integers(body, offset)
        columns = []
        for _ in range(sketch.width):
            column, offset = decode_integers(body, offset)
            columns.append(column.astype(np.int64))
        runs = extra.astype(np.int64) + 1
        if len(gaps) != len(runs) or runs.sum() != rows or len(steps) != rows:
            raise ValueError("the columns don't fit each other")
        keys = np.repeat(np.cumsum(gaps, dtype=np.uint64), runs)
        climbed = np.cumsum(steps.astype(np.int64) + 1)
        begins = np.cumsum(runs) - runs
        before = climbed[begins] - steps[begins].astype(np.int64)
        groups = climbed - np.repeat(before, runs) + least
        if groups.max() > 0xFFFFFFFF:
            raise ValueError("a group beyond 2^32")
        counts = np.stack(columns, axis=1)
        sketch._state = aggregate(groups.astype(np.uint32), keys, counts), []
        return sketch

    def _parameters(self) -> dict[str, object]:
        return {"width": self._width}

    def _merge(self, other: Self) -> None:
        self._append(other._rows())


def _read_integers(values: ArrayLike, what: str) -> NDArray[np.integer]:
    read = np.asarray(values)
    if read.dtype.kind == "f" and (read == np.trunc(read)).all() and (abs(read) < 1 << 53).all():
        read = read.astype(np.int64)  # whole numbers all the same
    if read.dtype.kind not in "iu":
        raise InvalidParameter(f"{what} must be whole numbers below 2^64: {values!r:.60}")
    return read
