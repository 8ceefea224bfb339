"""The consumer's commits without Spark, in a process that can be told when to die.

Arguments: bootstrap, prefix, and how many records it produces before it kills itself; it does not
where that is negative. It prints nothing: what it did stands in the log.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

from sottovoce.data_sets.registry import Registry
from sottovoce.kafka import KafkaSettings, Topics, TransactionalWriter
from sottovoce_consumer.admission import SealTimeline
from sottovoce_consumer.committing import Committer
from sottovoce_consumer.counting import RangeCounter
from sottovoce_consumer.decoding import decode
from sottovoce_consumer.metrics import ConsumerMetrics
from sottovoce_consumer.planning import Planner, TaskPlan
from sottovoce_consumer.reading import RangeReader
from sottovoce_consumer.recovery import open_books
from sottovoce_consumer.rows import Row
from sottovoce_consumer.standing import read_standing


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


def count(plan: TaskPlan, reader: RangeReader) -> list[Row]:
    counters = {
        span: RangeCounter(span, plan.admission, plan.seals.get(span.shard, SealTimeline()))
        for span in plan.ranges
    }
    rows: list[Row] = []
    for span, messages in reader.read(plan.ranges):
        rows += counters[span].take(decode(messages))
    for counter in counters.values():
        rows += counter.finish()
    return rows


def main(bootstrap: str, prefix: str, last_breath: int) -> None:
    settings = KafkaSettings(kafka_bootstrap=bootstrap, kafka_topic_prefix=prefix)
    registry = Registry(settings)
    data_set = registry.data_set("live")
    writer = MortalWriter(settings, "consumer")
    writer.last_breath = last_breath
    books, _ = open_books(settings, [data_set], deltas_per_base=2, accept_lost_records=False)
    standing = Path(tempfile.mkdtemp()) / "standing.json"
    committer = Committer(
        writer,
        Topics(prefix),
        books,
        standing,
        ConsumerMetrics(),
        max_folds=2,
        clock=lambda: 0,
    )
    planner = Planner(
        settings, ["live"], max_listens_per_batch=100, max_listens_per_task=30, workers=2
    )
    reader = RangeReader(settings, Topics(prefix).listens("live"))
    while True:
        starts = {ref: book.next_offset for ref, book in books.items()}
        ends = planner.ends(starts)
        if ends == starts:
            return
        plans = planner.tasks(starts, ends, read_standing(standing))
        committer.commit([row for plan in plans for row in count(plan, reader)])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
