"""What tasks do with ranges of a log: count them for a batch; search and recount for an erasure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from sottovoce.cells.index import BLOCK_MS, distinct
from sottovoce.kafka import Topics
from sottovoce.sketches import hash_keys
from sottovoce.wire.listens import new_listens, pack_keys
from sottovoce_consumer.admission import Admission, Codes, SealTimeline
from sottovoce_consumer.counting import (
    COUNT_AT_ONCE,
    Counted,
    RangeCounter,
    count_cells,
    sealed_where,
)
from sottovoce_consumer.decoding import Decoded, decode
from sottovoce_consumer.denying import NOBODY, DenyList
from sottovoce_consumer.ranges import Range
from sottovoce_consumer.reading import RangeReader
from sottovoce_consumer.rows import Row
from sottovoce_consumer.settings import ConsumerSettings
from sottovoce_consumer.task_plan import TaskPlan

type Read = Callable[[Sequence[Range]], Iterator[tuple[Range, Decoded]]]
"""Reads ranges of one data set, each in the order of its offsets."""

_readers: Final[dict[tuple[int, str, str], RangeReader]] = {}
"""By process, brokers and topic: a worker keeps its connections from task to task."""


class Task[Output](Protocol):
    """Some ranges of one data set, and what is to be done with them."""

    def run(self, read: Read) -> Iterator[Output]:
        """Do it."""


def reading(settings: ConsumerSettings) -> Read:
    """Return how a worker reads ranges: with a connection that it keeps."""

    def read(ranges: Sequence[Range]) -> Iterator[tuple[Range, Decoded]]:
        topic = Topics(settings.kafka_topic_prefix).listens(ranges[0].data_set)
        place = (os.getpid(), settings.kafka_bootstrap, topic)
        # Taken out while in use: a reader that failed is not used again.
        reader = _readers.pop(place, None) or RangeReader(
            settings, topic, patience=settings.read_timeout_seconds
        )
        for span, messages in reader.read(ranges):
            yield span, decode(messages)
        _readers[place] = reader

    return read


def count(plan: TaskPlan, read: Read) -> Iterator[Row]:
    """Count the ranges of a batch's task."""
    counters = {
        span: RangeCounter(
            span, plan.admission, plan.seals.get(span.shard, SealTimeline()), plan.denied
        )
        for span in plan.ranges
    }
    for span, decoded in read(plan.ranges):
        yield from counters[span].take(decoded)
    for counter in counters.values():
        yield from counter.finish()


@dataclass(frozen=True, slots=True)
class Idle:
    """Does nothing, but has a worker started that other tasks then find."""

    def run(self, _: Read) -> Iterator[None]:
        """Yield nothing."""
        yield from ()


@dataclass(frozen=True, slots=True)
class BlockHashes:
    """The listeners of one block's part: first and last offset, distinct hashes."""

    first: int
    last: int
    hashes: npt.NDArray[np.uint64] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found in one range.

    Attributes:
        span: the range.
        numbers: of each record its listener's number in the list that was sought.
        offsets: where each stands.
        blocks: the block that each stands in.
        slices: the slice that each would count in, its start in milliseconds.
        refusals: the `Refusal` of each, 0 for those admitted.
        keys: the key of each record.
        tracks: the ids of the tracks that they are of, 16 big-endian bytes each, none twice.
        retired: the numbers of those whose retirement stands in the range.
        others: of each block the listeners who are not excluded; for a rebuilding.
        recounted: the starts of the slices that were counted anew on the way; for a rebuilding.
        cells: what was counted of them, a `CellPart` each.
    """

    span: Range
    numbers: npt.NDArray[np.int64] = field(repr=False)
    offsets: npt.NDArray[np.int64] = field(repr=False)
    blocks: npt.NDArray[np.int64] = field(repr=False)
    slices: npt.NDArray[np.int64] = field(repr=False)
    refusals: Codes = field(repr=False)
    keys: list[bytes] = field(repr=False)
    tracks: frozenset[bytes] = field(repr=False)
    retired: frozenset[int]
    others: dict[int, BlockHashes] = field(default_factory=dict)
    recounted: frozenset[int] = frozenset()
    cells: list[bytes] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class SearchTask:
    """Finds every record of some listeners in some ranges.

    For a rebuilding it counts anew what it is likely to be asked for next, so that a range is read
    once where it can: the slices in which it finds such a record, or all where those are most.

    Attributes:
        ranges: of one data set.
        admission: its rules.
        seals: all seals of each shard.
        sought: whose records.
        excluded: who is left out of what is rebuilt, those sought among them; None: nothing is.
    """

    ranges: tuple[Range, ...]
    admission: Admission
    seals: Mapping[int, SealTimeline]
    sought: DenyList
    excluded: DenyList | None = None

    def run(self, read: Read) -> Iterator[Found]:
        """Yield what each range holds."""
        chunks: dict[Range, list[Found]] = {}
        others: dict[Range, list[Counted]] = {}
        for span, decoded in read(self.ranges):
            found = self._search(span, decoded)
            if self.excluded is not None:
                listens, blocks = decoded.listens, decoded.append_ms // BLOCK_MS
                hashes = hash_keys(listens["listener_high"], listens["listener_low"])[0]
                left = ~self.excluded.holds(listens)
                found = replace(found, others=_by_block(decoded, blocks, hashes, left))
                counted = left & (judged(self.admission, self.seals, span.shard, decoded) == 0)
                others.setdefault(span, []).append(
                    (listens[counted], hashes[counted], blocks[counted])
                )
            chunks.setdefault(span, []).append(found)
        for span, parts in chunks.items():
            yield self._recount(_joined(span, parts), others.pop(span, []))

    def _recount(self, found: Found, others: Sequence[Counted]) -> Found:
        """Return the same with cells, of what is left of the range without whom is excluded."""
        touched = frozenset(found.slices[found.refusals == 0].tolist())
        if not touched or not others:
            return found
        slice_ms = self.admission.data_set.slice_ms
        numbers = [each["end_time_ms"].astype(np.int64) // slice_ms for each, _, _ in others]
        there = {number * slice_ms for number in distinct(np.concatenate(numbers)).tolist()}
        if 2 * len(touched & there) > len(there):
            recounted, mine = touched | there, list(others)
        else:
            recounted, mine = touched, []
            wanted = np.array(sorted(touched), np.int64) // slice_ms
            for number, (listens, hashes, blocks) in zip(numbers, others, strict=True):
                kept = np.isin(number, wanted)
                mine.append((listens[kept], hashes[kept], blocks[kept]))
        rows = count_cells(found.span, self.admission.data_set, mine)
        return replace(found, recounted=recounted, cells=[row.body for row in rows])

    def _search(self, span: Range, decoded: Decoded) -> Found:
        numbers = self.sought.numbers(decoded.listens)
        found = decoded.only(numbers != NOBODY)
        slice_ms = self.admission.data_set.slice_ms
        ends = found.listens["end_time_ms"].astype(np.int64)
        return Found(
            span,
            numbers[numbers != NOBODY],
            found.offsets(),
            found.append_ms // BLOCK_MS,
            ends - ends % slice_ms,
            judged(self.admission, self.seals, span.shard, found),
            [message.key() or b"" for message in found.messages],
            frozenset(
                map(bytes, pack_keys(found.listens["track_high"], found.listens["track_low"]))
            ),
            self._retired(decoded),
        )

    def _retired(self, decoded: Decoded) -> frozenset[int]:
        marks = new_listens(len(decoded.retired))
        for place, (_, high, low) in enumerate(decoded.retired):
            marks[place]["listener_high"], marks[place]["listener_low"] = high, low
        return frozenset(self.sought.numbers(marks).tolist()) - {NOBODY}


@dataclass(frozen=True, slots=True)
class RecountTask:
    """Counts some slices anew, without some listeners.

    Attributes:
        ranges: of one data set.
        admission: its rules.
        seals: all seals of each shard.
        excluded: who is left out.
        slices: the starts of the slices to count in each range.
    """

    ranges: tuple[Range, ...]
    admission: Admission
    seals: Mapping[int, SealTimeline]
    excluded: DenyList
    slices: Mapping[Range, frozenset[int]]

    def run(self, read: Read) -> Iterator[Row]:
        """Yield a row for each cell and range."""
        waiting: dict[Range, list[Counted]] = {span: [] for span in self.ranges}
        for span, decoded in read(self.ranges):
            waiting[span] += self._admitted(span, decoded)
            if sum(len(listens) for listens, _, _ in waiting[span]) >= COUNT_AT_ONCE:
                yield from count_cells(span, self.admission.data_set, waiting[span])
                waiting[span] = []
        for span, counted in waiting.items():
            if counted:
                yield from count_cells(span, self.admission.data_set, counted)

    def _admitted(self, span: Range, decoded: Decoded) -> list[Counted]:
        slice_ms = self.admission.data_set.slice_ms
        numbers = (decoded.listens["end_time_ms"] // np.uint64(slice_ms)).astype(np.int64)
        wanted = np.array(sorted(self.slices[span]), np.int64) // slice_ms
        mine = decoded.only(np.isin(numbers, wanted) & ~self.excluded.holds(decoded.listens))
        mine = mine.only(judged(self.admission, self.seals, span.shard, mine) == 0)
        if not len(mine.listens):
            return []
        hashes = hash_keys(mine.listens["listener_high"], mine.listens["listener_low"])[0]
        return [(mine.listens, hashes, mine.append_ms // BLOCK_MS)]


def judged(
    admission: Admission, seals: Mapping[int, SealTimeline], shard: int, decoded: Decoded
) -> Codes:
    """Return the `Refusal` of each listen, as a batch gave it, whatever was read before it."""
    sealed = None
    if not admission.data_set.by_append_time:
        sealed = sealed_where(decoded, seals.get(shard, SealTimeline()))
    return admission.judge(
        decoded.listens,
        decoded.append_ms,
        shard=shard,
        sealed_ms=sealed,
        keys_fit=decoded.keys_fit,
    )


def _by_block(
    decoded: Decoded,
    blocks: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.uint64],
    which: npt.NDArray[np.bool_],
) -> dict[int, BlockHashes]:
    found = {}
    for block in distinct(blocks[which]).tolist():
        places = np.flatnonzero(which & (blocks == block))
        first, last = (decoded.messages[place].offset() or 0 for place in places[[0, -1]])
        found[block] = BlockHashes(first, last, distinct(hashes[places]))
    return found


def _joined(span: Range, found: Sequence[Found]) -> Found:
    others: dict[int, list[BlockHashes]] = {}
    for each in found:
        for block, hashes in each.others.items():
            others.setdefault(block, []).append(hashes)
    return Found(
        span,
        np.concatenate([each.numbers for each in found]),
        np.concatenate([each.offsets for each in found]),
        np.concatenate([each.blocks for each in found]),
        np.concatenate([each.slices for each in found]),
        np.concatenate([each.refusals for each in found]),
        [key for each in found for key in each.keys],
        frozenset().union(*(each.tracks for each in found)),
        frozenset().union(*(each.retired for each in found)),
        {block: merged(parts) for block, parts in others.items()},
    )


def merged(parts: Sequence[BlockHashes]) -> BlockHashes:
    """Return the listeners of several parts of a block."""
    return BlockHashes(
        min(each.first for each in parts),
        max(each.last for each in parts),
        distinct(np.concatenate([each.hashes for each in parts])),
    )
