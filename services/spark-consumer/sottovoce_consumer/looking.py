"""Looking whether compaction has removed what was erased, and helping it where the log rests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sottovoce.cells import KeyedValue
from sottovoce.erasure.book import GONE, TOMBSTONED, Request
from sottovoce.kafka import KafkaSettings, LogReader, Topics
from sottovoce.kafka.offsets import Partition
from sottovoce.wire.keys import CellKey, CellKeyKind, dead_letter_key, retired_key
from sottovoce.wire.v1 import erasure_pb2
from sottovoce_consumer.committing import Committer
from sottovoce_consumer.denying import DenyList
from sottovoce_consumer.forgetting import is_own, ranges_of, spans_of
from sottovoce_consumer.ranges import ShardRef
from sottovoce_consumer.replaying import Replay

_CELLS = (CellKeyKind.BASE, CellKeyKind.DELTA)
_INDEXES = (CellKeyKind.INDEX_BASE, CellKeyKind.INDEX_DELTA)


class Lookout:
    """Looks into the logs for what erasures that stand at `TOMBSTONED` were to remove.

    A segment that is written to is not compacted, and it ends only when something is appended once
    its time is up. So where records are still there, another tombstone is appended: in a log that
    nobody writes to, nothing else would ever end the segment.

    Args:
        settings: where Kafka is.
        committer: whose lock owns all commits.
        replay: reads the log again.
    """

    def __init__(self, settings: KafkaSettings, committer: Committer, replay: Replay) -> None:
        self._settings = settings
        self._topics = Topics(settings.kafka_topic_prefix)
        self._committer = committer
        self._replay = replay

    def look(self) -> bool:
        """Look once; return whether any erasure came to its end in a shard."""
        moved = False
        for ref in self._committer.books:
            with self._committer.lock:
                pairs = self._committer.erasures.at(ref, TOMBSTONED)
            if pairs:
                moved |= self._look(ref, pairs)
        return moved

    def _look(
        self, ref: ShardRef, pairs: Sequence[tuple[Request, erasure_pb2.ErasureState]]
    ) -> bool:
        there = self._listeners_there(ref, pairs)
        letters: set[bytes] = set()
        cells: list[tuple[int, CellKey]] = []
        if len(there) < len({request.pseudonym for request, _ in pairs}):
            letters = self._letters_there(
                dead_letter_key(*ref, offset) for _, state in pairs for offset in state.dead_letters
            )
            cells = self._cells_there(ref, [state for _, state in pairs])
        gone: list[erasure_pb2.ErasureState] = []
        again: list[tuple[str, int, KeyedValue]] = []
        for request, before in pairs:
            mine = {dead_letter_key(*ref, offset) for offset in before.dead_letters} & letters
            if request.pseudonym in there:
                key = retired_key(request.pseudonym)
                again.append((self._topics.listens(ref[0]), ref[1], (key, None)))
            if mine:
                again.append((self._topics.dead_letters, 0, (min(mine), None)))
            if request.pseudonym in there or mine or _is_told_by(before, cells):
                continue
            state = erasure_pb2.ErasureState()
            state.CopyFrom(before)
            state.step = GONE
            state.gone_at_ms = self._committer.now_ms()
            gone.append(state)
        with self._committer.lock:
            entries = {}
            if cells or there:
                now_ms = self._committer.now_ms()
                entries[ref] = self._committer.books[ref].amend((), now_ms=now_ms)
            if entries or gone or again:
                self._committer.write(entries, gone, again)
        return bool(gone)

    def _listeners_there(
        self, ref: ShardRef, pairs: Sequence[tuple[Request, erasure_pb2.ErasureState]]
    ) -> set[bytes]:
        """Return whose records, or whose retirement, are still in the log."""
        sought = DenyList.of(request.pseudonym for request, _ in pairs)
        spans = [span for _, state in pairs for span in spans_of(state)]
        spans += [
            (state.retired_offset, state.retired_offset)
            for request, state in pairs
            if ref == self._committer.erasures.home(request, ref[0])
        ]
        found: set[bytes] = set()
        for part in self._replay.search(ranges_of(ref, spans), {}, sought):
            found |= {sought.pseudonyms[number] for number in part.retired}
            for key, number in zip(part.keys, part.numbers.tolist(), strict=True):
                if is_own(key, sought.pseudonyms[number]):
                    found.add(sought.pseudonyms[number])
        return found

    def _letters_there(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return which dead letters are still there, as values."""
        wanted = set(keys)
        if not wanted:
            return set()
        return {
            key for key, _ in self._values((self._topics.dead_letters, 0), None) if key in wanted
        }

    def _cells_there(
        self, ref: ShardRef, states: Sequence[erasure_pb2.ErasureState]
    ) -> list[tuple[int, CellKey]]:
        """Return superseded values of cells and indexes that are still there, with offsets."""
        slices = {each.slice_ms for state in states for each in state.cells}
        blocks = {each.block for state in states for each in state.blocks}
        if not slices and not blocks:
            return []
        found = []
        place = (self._topics.cells(ref[0]), ref[1])
        for key, offset in self._values(place, max(state.cells_end for state in states)):
            parsed = CellKey.from_bytes(key)
            if (parsed.kind in _CELLS and parsed.at in slices) or (
                parsed.kind in _INDEXES and parsed.at in blocks
            ):
                found.append((offset, parsed))
        return found

    def _values(self, place: Partition, end: int | None) -> Iterable[tuple[bytes, int]]:
        """Yield key and offset of what still has a value in a partition, before an offset."""
        with LogReader(self._settings, [place]) as reader:
            for record in reader.to_end():
                if end is not None and record.offset >= end:
                    return
                if record.value is not None:
                    yield record.key, record.offset


def _is_told_by(state: erasure_pb2.ErasureState, values: Iterable[tuple[int, CellKey]]) -> bool:
    """Return whether values from before an erasure's rebuilding may tell of its listener."""
    slices = {each.slice_ms for each in state.cells}
    blocks = {each.block for each in state.blocks}
    return any(
        offset < state.cells_end
        and key.from_offset < state.rebuilt_through
        and key.at in (slices if key.kind in _CELLS else blocks)
        for offset, key in values
    )
