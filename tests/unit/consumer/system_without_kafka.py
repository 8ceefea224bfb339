"""A data set's logs and the consumer with its erasures, without Kafka and Spark."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Message
from tests.made_up_listens import NO_TIME, message, read

from sottovoce.cells import KeyedValue
from sottovoce.data_sets.data_set import DataSet
from sottovoce.erasure import ErasureBook, Request
from sottovoce.kafka import Topics
from sottovoce_consumer.admission import Admission
from sottovoce_consumer.books import ShardBook
from sottovoce_consumer.committing import Committer
from sottovoce_consumer.counting import RangeCounter
from sottovoce_consumer.decoding import Decoded, decode
from sottovoce_consumer.erasures import Erasures
from sottovoce_consumer.forgetting import Forgetter
from sottovoce_consumer.metrics import ConsumerMetrics
from sottovoce_consumer.naming import uncounted
from sottovoce_consumer.ranges import Range
from sottovoce_consumer.rebuilding import Rebuilder
from sottovoce_consumer.replaying import Replay
from sottovoce_consumer.rows import Row
from sottovoce_consumer.tasks import Task

TOPICS = Topics()


class CrashError(Exception):
    """The process died in the middle of a transaction."""


class TransactionsInMemory:
    """Where committed records go; dies before it produces record number `last_breath`."""

    def __init__(self, last_breath: int = -1) -> None:
        self.committed: list[tuple[str, int, bytes, bytes | None]] = []
        self.last_breath = last_breath
        self.breaths = 0
        self._open: list[tuple[str, int, bytes, bytes | None]] = []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._open = []
        yield
        self.committed += self._open

    def produce(self, topic: str, key: bytes, value: bytes | None, *, partition: int = 0) -> None:
        if self.breaths == self.last_breath:
            self.last_breath = -1
            raise CrashError
        self.breaths += 1
        self._open.append((topic, partition, key, value))


class SystemWithoutKafka:
    """Logs, one a shard, and what the consumer makes of them.

    Args:
        data_set: its constants.
        admission: its rules.
        logs: the records of each shard, by ascending offset.
        last_breath: how many records are produced before the first crash.
        meanwhile: how many records of each shard are counted before and after each replay.
        at_once: how many records a replay decodes at once, and how many offsets a task of it has.
    """

    def __init__(
        self,
        data_set: DataSet,
        admission: Admission,
        logs: Mapping[int, Sequence[Message]],
        *,
        deltas_per_base: int = 3,
        last_breath: int = -1,
        meanwhile: int = 0,
        at_once: tuple[int, int] = (5, 17),
    ) -> None:
        self._meanwhile = meanwhile
        self._at_once = at_once
        self.replayed: list[Range] = []
        self.data_set = data_set
        self.admission = admission
        self.logs = {shard: list(log) for shard, log in logs.items()}
        self.requests: list[Request] = []
        self.writer = TransactionsInMemory(last_breath)
        self._deltas_per_base = deltas_per_base
        self._folder = tempfile.TemporaryDirectory()
        self.start()

    def start(self) -> None:
        """Recover from what was committed."""
        book = ErasureBook()
        for request in self.requests:
            book.apply(request.key, request.to_bytes(), request.offset)
        for topic, _, key, value in self.writer.committed:
            if topic == TOPICS.erasures:
                book.apply(key, value, 0)
        books = {
            (self.data_set.name, shard): ShardBook(self.view(shard), 0, self._deltas_per_base)
            for shard in self.logs
        }
        self.committer = Committer(
            self.writer,
            TOPICS,
            books,
            Erasures(book, {self.data_set.name: self.data_set.shards}),
            Path(self._folder.name) / "standing.json",
            ConsumerMetrics(),
            max_folds=2,
            max_fold_bytes=1_000_000,
            clock=lambda: NO_TIME,
        )
        replay = Replay(
            self._run,
            lambda _: self.admission,
            lambda refs: dict.fromkeys(refs, 0),
            max_listens_per_task=self._at_once[1],
            workers=2,
        )
        self.rebuilder = Rebuilder(self.committer, replay, lambda refs: dict.fromkeys(refs, 0))
        self.forgetter = Forgetter(
            TOPICS,
            self.committer,
            replay,
            lambda refs: {ref: self.end(ref[1]) for ref in refs},
            self._unheard,
        )

    def _unheard(self, tracks):
        """Every track has a name."""
        return uncounted(tracks, map(self.view, self.logs))

    def view(self, shard: int):
        return read(self.data_set, self.records(TOPICS.cells(self.data_set.name), shard), shard)

    def records(self, topic: str, partition: int = 0) -> list[KeyedValue]:
        return [
            (key, value)
            for name, where, key, value in self.writer.committed
            if (name, where) == (topic, partition)
        ]

    def ask(self, pseudonym: bytes) -> Request:
        """Ask for an erasure; whoever follows `erasures` learns of it at once."""
        number = len(self.requests)
        request = Request(f"{number:032x}", pseudonym, NO_TIME, offset=10 * number)
        self.requests.append(request)
        self.committer.erasures.learn([request])
        return request

    def state(self, request: Request, shard: int):
        """How far an erasure has come in a shard, as a reader of `erasures` finds it."""
        book = ErasureBook()
        for key, value in self.records(TOPICS.erasures):
            book.apply(key, value, 0)
        return book.state(request.erasure, (self.data_set.name, shard))

    def batch(self, most: int) -> bool:
        """Count at most so many records of each shard."""
        return self.committer.commit(self.planned(most))

    def planned(self, most: int) -> list[Row]:
        """What the tasks of a batch of at most so many records of each shard yield."""
        rows: list[Row] = []
        denied = self.committer.erasures.denied()
        for (name, shard), book in self.committer.books.items():
            start = book.next_offset
            end = min(start + most, self.end(shard))
            if end > start:
                span = Range(name, shard, start, end)
                counter = RangeCounter(span, self.admission, book.seals, denied)
                rows += counter.take(decode(self._within(span)))
                rows += counter.finish()
        return rows

    def end(self, shard: int) -> int:
        return self.logs[shard][-1].offset() + 1 if self.logs[shard] else 0

    def append_tombstones(self) -> None:
        """Let the tombstones that were committed stand in the logs."""
        for shard, log in self.logs.items():
            keys = [key for key, _ in self.records(TOPICS.listens(self.data_set.name), shard)]
            stamp = log[-1].timestamp()[1]
            there = {each.key() for each in log if each.value() is None}
            for key in dict.fromkeys(keys):
                if key not in there:
                    log.append(message(self.end(shard), key, None, stamp, shard=shard))

    def compacted(self) -> dict[int, list[Message]]:
        """What compaction leaves of the logs."""
        left = {}
        for shard, log in self.logs.items():
            last = {each.key(): each.offset() for each in log}
            left[shard] = [
                each
                for each in log
                if last[each.key()] == each.offset() and each.value() is not None
            ]
        return left

    def _within(self, span: Range) -> list[Message]:
        return [
            each
            for each in self.logs[span.shard]
            if span.from_offset <= each.offset() < span.through_offset
        ]

    def _run(self, tasks: Sequence[Task]) -> list:
        """Run a replay's tasks; the stream flows on before them and after."""
        if self._meanwhile:
            self.batch(self._meanwhile)
        found = [output for task in tasks for output in task.run(self._read)]
        if self._meanwhile:
            self.batch(self._meanwhile)
        return found

    def _read(self, ranges: Sequence[Range]) -> Iterator[tuple[Range, Decoded]]:
        for span in ranges:
            self.replayed.append(span)
            mine = self._within(span)
            for at in range(0, len(mine), self._at_once[0]):
                yield span, decode(mine[at : at + self._at_once[0]])
