"""What the next batch reads: looked up in the log, capped, shared out among tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sottovoce.data_sets.registry import Registry
from sottovoce.kafka import KafkaSettings, Topics
from sottovoce.kafka.errors import LostRecordsError
from sottovoce.kafka.offsets import OffsetsClient, first_offsets, last_stable_offsets
from sottovoce_consumer.admission import Admission
from sottovoce_consumer.ranges import Range, ShardRef, limit_ends, share_out
from sottovoce_consumer.standing import Standing
from sottovoce_consumer.task_plan import TaskPlan


class Planner:
    """Plans batches over the shards of some data sets.

    Terms are read anew whenever `catalogues` has grown, before the listens behind it are planned:
    so a listen is judged by all the terms that were written before it.

    Args:
        settings: where Kafka is.
        data_sets: their names.
        max_listens_per_batch: offsets that one batch spans at most.
        max_listens_per_task: offsets that one task reads at most.
        workers: tasks that can run at once.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        data_sets: Sequence[str],
        *,
        max_listens_per_batch: int,
        max_listens_per_task: int,
        workers: int,
    ) -> None:
        self._settings = settings
        self._topics = Topics(settings.kafka_topic_prefix)
        self._names = tuple(data_sets)
        self._max_per_batch = max_listens_per_batch
        self._max_per_task = max_listens_per_task
        self._workers = workers
        self._offsets = OffsetsClient(settings)
        self._terms_end = -1
        self._admissions: dict[str, Admission] = {}

    def ends(self, starts: Mapping[ShardRef, int], *, capped: bool = True) -> dict[ShardRef, int]:
        """Return how far a batch from `starts` goes.

        Raises:
            LostRecordsError: a start is no longer in the log.
            LogError: the broker can't be reached.
        """
        catalogues = (self._topics.catalogues, 0)
        pairs = {(self._topics.listens(name), shard): (name, shard) for name, shard in starts}
        latest = last_stable_offsets(self._settings, [*pairs, catalogues], self._offsets)
        earliest = first_offsets(self._settings, list(pairs), self._offsets)
        for pair, ref in pairs.items():
            check_start(pair, starts[ref], earliest[pair], latest[pair])
        self._refresh_terms(latest[catalogues])
        ends = {ref: max(starts[ref], latest[pair]) for pair, ref in pairs.items()}
        return limit_ends(starts, ends, self._max_per_batch) if capped else ends

    def tasks(
        self,
        starts: Mapping[ShardRef, int],
        ends: Mapping[ShardRef, int],
        standing: Standing,
    ) -> list[TaskPlan]:
        """Return the tasks that read from `starts` to `ends`."""
        if not self._admissions:
            self._refresh_terms(0)
        ranges = [
            Range(*ref, starts[ref], end) for ref, end in sorted(ends.items()) if end > starts[ref]
        ]
        # A seal decides over all records behind it, so whoever reads it must read those, too.
        whole = {
            name for name, each in self._admissions.items() if not each.data_set.by_append_time
        }
        shares = share_out(
            ranges, most=self._max_per_task, workers=self._workers, whole=frozenset(whole)
        )
        return [
            TaskPlan(
                share,
                self._admissions[share[0].data_set],
                {
                    span.shard: standing.seals[span.data_set, span.shard]
                    for span in share
                    if (span.data_set, span.shard) in standing.seals
                },
                standing.denied,
            )
            for share in shares
        ]

    def _refresh_terms(self, end: int) -> None:
        if end <= self._terms_end:
            return
        registry = Registry(self._settings)
        self._admissions = {
            name: Admission(registry.data_set(name), tuple(registry.terms(name)))
            for name in self._names
        }
        registry.close()
        self._terms_end = end


def check_start(pair: tuple[str, int], start: int, low: int, high: int) -> None:
    """Check that a shard's next offset is within its log.

    Raises:
        LostRecordsError: it is not.
    """
    topic, shard = pair
    if start < low:
        raise LostRecordsError(
            f"{topic}[{shard}]: offset {start} is next, but the log begins at {low}: the consumer "
            "stood still for longer than the log is kept, and what lay between is gone; to go on "
            "without it, start once with accept_lost_records"
        )
    if start > high:
        raise LostRecordsError(
            f"{topic}[{shard}]: offset {start} is next, but the log ends at {high}: it was made "
            "anew, or lost its tail; its cells are of another log"
        )
