"""Forgetting: tombstones for every record of a listener, once none can follow."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from sottovoce.cells import KeyedValue
from sottovoce.erasure.book import REBUILT, TOMBSTONED, Request
from sottovoce.erasure.pseudonyms import pseudonym_of
from sottovoce.kafka import Topics
from sottovoce.wire.keys import dead_letter_key, retired_key
from sottovoce.wire.listens import LISTEN_KEY_BYTES
from sottovoce.wire.v1 import cell_pb2, erasure_pb2
from sottovoce_consumer.admission import SealTimeline
from sottovoce_consumer.committing import Committer
from sottovoce_consumer.denying import DenyList
from sottovoce_consumer.naming import Unheard
from sottovoce_consumer.ranges import Range, ShardRef
from sottovoce_consumer.replaying import Offsets, Replay, union
from sottovoce_consumer.rounds import Records
from sottovoce_consumer.tasks import Found

AT_ONCE: Final = 20_000
"""Tombstones of one transaction: it must end well within its time-out."""

type Span = tuple[int, int]
"""First and last offset."""


@dataclass(frozen=True, slots=True)
class Due:
    """An erasure whose listener can be forgotten in a shard.

    Attributes:
        request: which.
        state: what becomes of its state.
        spans: where the listener's records stand: the blocks that were found, and what batches
            passed over since.
    """

    request: Request
    state: erasure_pb2.ErasureState
    spans: tuple[Span, ...]


class Forgetter:
    """Writes the tombstones of whatever erasures stand at `REBUILT` and have passed `retired`.

    Args:
        topics: the topics' names.
        committer: whose lock owns all commits.
        replay: reads the log again.
        ends_of_listens: tells where the shards' logs end.
        unheard: tells which tracks no cell counts any more.
    """

    def __init__(
        self,
        topics: Topics,
        committer: Committer,
        replay: Replay,
        ends_of_listens: Offsets,
        unheard: Unheard,
    ) -> None:
        self._topics = topics
        self._committer = committer
        self._replay = replay
        self._ends_of_listens = ends_of_listens
        self._unheard = unheard
        self._ends: dict[tuple[str, ShardRef], int] = {}

    def forget(self) -> bool:
        """Write what is due; return whether anything was."""
        self._look_up_ends()
        due = {ref: mine for ref in self._committer.books if (mine := self._due(ref))}
        found = {ref: self._search(ref, mine) for ref, mine in due.items()}
        self._forget_names(found)
        for ref, mine in due.items():
            self._forget(ref, mine, found[ref])
        return bool(due) | self._drop_late_retirements()

    def _drop_late_retirements(self) -> bool:
        """Let go of retirements that came when all was done; return whether there were any.

        Whoever is retired twice, or erased again, may have one that the stream passes last.
        """
        with self._committer.lock:
            late = {
                ref: pseudonyms
                for ref, book in self._committer.books.items()
                if (pseudonyms := self._late_in(ref, book.view.progress))
            }
            for ref, pseudonyms in late.items():
                now_ms = self._committer.now_ms()
                entry = self._committer.books[ref].amend(
                    (), now_ms=now_ms, change=partial(_drop_marks, pseudonyms=pseudonyms)
                )
                self._committer.write({ref: entry}, others=self._marks(ref, pseudonyms))
        return bool(late)

    def _late_in(self, ref: ShardRef, progress: cell_pb2.ShardProgress | None) -> set[bytes]:
        marks = progress.retired if progress is not None else ()
        pseudonyms = {pseudonym_of(each.listener_high, each.listener_low) for each in marks}
        erasures = self._committer.erasures
        return {each for each in pseudonyms if erasures.is_forgotten(each, ref)}

    def _marks(
        self, ref: ShardRef, pseudonyms: Iterable[bytes]
    ) -> list[tuple[str, int, KeyedValue]]:
        """Return the tombstones of retirements."""
        return [
            (self._topics.listens(ref[0]), ref[1], (retired_key(pseudonym), None))
            for pseudonym in sorted(pseudonyms)
        ]

    def _search(self, ref: ShardRef, due: Sequence[Due]) -> list[Found]:
        everybody = DenyList.of(each.request.pseudonym for each in due)
        ranges = ranges_of(ref, (span for each in due for span in each.spans))
        return list(self._replay.search(ranges, self._seals(ref), everybody))

    def _forget_names(self, found: Mapping[ShardRef, Sequence[Found]]) -> None:
        """Take the names of tracks back that nobody else has played; before the listens go.

        A listener's listens are in a shard of each data set: those that are forgotten last find
        the cells of all of them rebuilt.
        """
        tracks = frozenset().union(*(part.tracks for parts in found.values() for part in parts))
        gone = sorted(self._unheard(tracks)) if tracks else []
        for group in itertools.batched(gone, AT_ONCE):
            with self._committer.lock:
                self._committer.write(
                    {}, others=[(self._topics.tracks, 0, (key, None)) for key in group]
                )

    def _look_up_ends(self) -> None:
        """Look up, once each erasure has passed `retired`, where the logs of other shards end.

        What a shard that is not the listener's own holds of it, no writer of ours has put there;
        nothing says where it ends but this.
        """
        with self._committer.lock:
            erasures = self._committer.erasures
            marks = {name: self._retirements(name) for name, _ in self._committer.books}
            new = [
                (request.erasure, ref)
                for ref in self._committer.books
                for request, _ in erasures.at(ref, REBUILT)
                if (request.erasure, ref) not in self._ends
                and erasures.retired(request, ref[0], marks[ref[0]]) is not None
            ]
        if new:
            ends = self._ends_of_listens({ref for _, ref in new})
            self._ends |= {(erasure, ref): ends[ref] for erasure, ref in new}

    def _due(self, ref: ShardRef) -> list[Due]:
        with self._committer.lock:
            erasures = self._committer.erasures
            due: list[Due] = []
            waiting = erasures.at(ref, REBUILT)
            marks = self._retirements(ref[0]) if waiting else {}
            for request, before in waiting:
                retired = erasures.retired(request, ref[0], marks)
                end = self._ends.get((request.erasure, ref))
                if retired is None or end is None:
                    continue
                state = erasure_pb2.ErasureState()
                state.CopyFrom(before)
                if ref == erasures.home(request, ref[0]):
                    state.retired_offset = end = retired
                elif self._committer.books[ref].next_offset < end:
                    continue
                passed = ((before.denied_from, end - 1),) if end > before.denied_from else ()
                due.append(Due(request, state, (*spans_of(before), *passed)))
            return due

    def _retirements(self, name: str) -> dict[bytes, int]:
        """Return where each listener was retired whose retirement the stream has passed."""
        return {
            pseudonym_of(mark.listener_high, mark.listener_low): mark.offset
            for (mine, _), book in self._committer.books.items()
            if mine == name and book.view.progress is not None
            for mark in book.view.progress.retired
        }

    def _forget(self, ref: ShardRef, due: Sequence[Due], found: Sequence[Found]) -> None:
        listens = self._topics.listens(ref[0])
        everybody = DenyList.of(each.request.pseudonym for each in due)
        records = Records.of(found, np.zeros(len(everybody), np.int64))
        keys = [key for part in found for key in part.keys]
        tombstones: list[tuple[str, int, KeyedValue]] = []
        numbers = {pseudonym: number for number, pseudonym in enumerate(everybody.pseudonyms)}
        for each in due:
            number = numbers[each.request.pseudonym]
            own = [
                keys[place]
                for place in records.places(number).tolist()
                if is_own(keys[place], each.request.pseudonym)
            ]
            tombstones += [(listens, ref[1], (key, None)) for key in own]
            del each.state.blocks[:]
            each.state.blocks.extend(records.blocks_of(number))
            each.state.tombstones = len(own)
        tombstones += [
            (self._topics.dead_letters, 0, (dead_letter_key(*ref, offset), None))
            for each in due
            for offset in each.state.dead_letters
        ]
        for group in itertools.batched(tombstones, AT_ONCE):
            with self._committer.lock:
                self._committer.write({}, others=group)
        self._close(ref, due)

    def _seals(self, ref: ShardRef) -> dict[ShardRef, SealTimeline]:
        with self._committer.lock:
            return {ref: self._committer.books[ref].seals}

    def _close(self, ref: ShardRef, due: Sequence[Due]) -> None:
        """Write that all tombstones stand; the retirement itself goes with them."""
        at_home = {
            each.request.pseudonym
            for each in due
            if ref == self._committer.erasures.home(each.request, ref[0])
        }

        with self._committer.lock:
            now_ms = self._committer.now_ms()
            for each in due:
                each.state.step = TOMBSTONED
                each.state.tombstoned_at_ms = now_ms
            entry = self._committer.books[ref].amend(
                (), now_ms=now_ms, change=partial(_drop_marks, pseudonyms=at_home)
            )
            states = [each.state for each in due]
            self._committer.write({ref: entry}, states, self._marks(ref, at_home))


def _drop_marks(progress: cell_pb2.ShardProgress, pseudonyms: Collection[bytes]) -> None:
    left = [
        mark
        for mark in progress.retired
        if pseudonym_of(mark.listener_high, mark.listener_low) not in pseudonyms
    ]
    del progress.retired[:]
    progress.retired.extend(left)


def spans_of(state: erasure_pb2.ErasureState) -> list[Span]:
    """Return where the records of an erasure's listener were found."""
    return [(each.first_offset, each.last_offset) for each in state.blocks]


def ranges_of(ref: ShardRef, spans: Iterable[Span]) -> list[Range]:
    """Return the ranges that cover spans of a shard's log."""
    wanted = list(spans)
    return union(ref, wanted, 1 + max((last for _, last in wanted), default=0))


def is_own(key: bytes, pseudonym: bytes) -> bool:
    """Return whether a tombstone of a listener's record can take no record of somebody else's.

    A record under the key of another listener is none that our writer wrote.
    """
    return key.startswith(pseudonym) or len(key) != LISTEN_KEY_BYTES
