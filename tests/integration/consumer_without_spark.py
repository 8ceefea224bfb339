"""The consumer without Spark: batches and erasures, one after the other, in one thread.

As a program it can be told when to die. Arguments: bootstrap, prefix, and how many records it
produces before it kills itself; it does not where that is negative. It prints nothing: what it did
stands in the log.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

from sottovoce.data_sets.registry import Registry
from sottovoce.erasure.log import ErasureLog
from sottovoce.kafka import KafkaSettings, Topics, TransactionalWriter
from sottovoce_consumer.committing import Committer
from sottovoce_consumer.eraser import Eraser
from sottovoce_consumer.erasures import Erasures
from sottovoce_consumer.metrics import ConsumerMetrics
from sottovoce_consumer.planning import Planner
from sottovoce_consumer.recovery import open_books
from sottovoce_consumer.replaying import Replay, first_listens, rules_in
from sottovoce_consumer.settings import ConsumerSettings
from sottovoce_consumer.standing import read_standing
from sottovoce_consumer.tasks import count, reading


class MortalWriter(TransactionalWriter):
    """Kills the process before it produces record number `last_breath`."""

    last_breath = -1
    breaths = 0

    def produce(self, topic: str, key: bytes, value: bytes | None, *, partition: int = 0) -> None:
        if self.breaths == self.last_breath:
            self._producer.flush(1.0)  # what was produced is in the log, uncommitted
            os.kill(os.getpid(), signal.SIGKILL)
        self.breaths += 1
        super().produce(topic, key, value, partition=partition)


class ConsumerWithoutSpark:
    """Recovers as the consumer does, and then does what it is told."""

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        last_breath: int = -1,
        deltas_per_base: int = 2,
        listens_per_batch: int = 100,
        listens_per_task: int = 70,
    ) -> None:
        settings = ConsumerSettings(
            kafka_bootstrap=kafka.kafka_bootstrap,
            kafka_topic_prefix=kafka.kafka_topic_prefix,
            erasure_check_seconds=0.5,
        )
        registry = Registry(kafka)
        data_sets = list(registry.data_sets.values())
        registry.close()
        writer = MortalWriter(kafka, "consumer")
        writer.last_breath = last_breath
        self.books, _ = open_books(
            kafka, data_sets, deltas_per_base=deltas_per_base, accept_lost_records=False
        )
        self._folder = tempfile.TemporaryDirectory()
        self._standing = Path(self._folder.name) / "standing.json"
        log = ErasureLog(kafka)
        self.committer = Committer(
            writer,
            Topics(kafka.kafka_topic_prefix),
            self.books,
            Erasures(log.book, {each.name: each.shards for each in data_sets}),
            self._standing,
            ConsumerMetrics(),
            max_folds=2,
            max_fold_bytes=1_000_000,
            clock=lambda: 0,
        )
        self._planner = Planner(
            kafka,
            [each.name for each in data_sets],
            max_listens_per_batch=listens_per_batch,
            max_listens_per_task=listens_per_task // 2,
            workers=2,
        )
        self._read = reading(settings)
        replay = Replay(
            lambda tasks: [output for task in tasks for output in task.run(self._read)],
            rules_in(kafka),
            first_listens(kafka),
            max_listens_per_task=listens_per_task,
            workers=2,
        )
        self.eraser = Eraser(settings, log, self.committer, replay, ConsumerMetrics())

    def batch(self) -> bool:
        """Count what comes next; return whether there was anything."""
        starts = {ref: book.next_offset for ref, book in self.books.items()}
        ends = self._planner.ends(starts)
        plans = self._planner.tasks(starts, ends, read_standing(self._standing))
        rows = [row for plan in plans for row in count(plan, self._read)]
        return self.committer.commit(rows)

    def run(self) -> None:
        """Go on until there is nothing more to do but to wait."""
        while self.batch() | self.eraser.turn():
            pass


def main(bootstrap: str, prefix: str, last_breath: int) -> None:
    settings = KafkaSettings(kafka_bootstrap=bootstrap, kafka_topic_prefix=prefix)
    ConsumerWithoutSpark(settings, last_breath=last_breath).run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
