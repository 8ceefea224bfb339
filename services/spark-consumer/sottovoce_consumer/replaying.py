"""Replays: tasks over explicit ranges of a log, beside the stream."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sottovoce.data_sets.registry import Registry
from sottovoce.kafka import KafkaSettings, Topics
from sottovoce.kafka.offsets import Partition, first_offsets, high_watermarks, last_stable_offsets
from sottovoce_consumer.admission import Admission, SealTimeline
from sottovoce_consumer.denying import DenyList
from sottovoce_consumer.merging import CountedCell, MergedCell, merge_tasks
from sottovoce_consumer.ranges import Range, ShardRef, share_out, split
from sottovoce_consumer.rows import Row
from sottovoce_consumer.tasks import Found, Idle, RecountTask, SearchTask, Task

type Run = Callable[[Sequence[Task[Any]]], Iterable[Any]]
"""Runs tasks, at once where it can, and returns what they yield."""

type Offsets = Callable[[Collection[ShardRef]], Mapping[ShardRef, int]]
"""Tells an offset of each shard."""

type Seals = Mapping[ShardRef, SealTimeline]


@dataclass(frozen=True, slots=True)
class Replay:
    """Reads ranges of a log again, by the rules that batches read it by.

    Attributes:
        run: how tasks are run.
        rules: tells a data set's rules of now.
        firsts: tells the first offset that the log of each shard still holds.
        max_listens_per_task: offsets that one task reads at most.
        workers: tasks that run at once.
    """

    run: Run
    rules: Callable[[str], Admission]
    firsts: Offsets
    max_listens_per_task: int
    workers: int

    def warm_up(self) -> None:
        """Have workers started: the first tasks would wait for them for seconds."""
        self.run([Idle()] * self.workers)

    def search(
        self,
        ranges: Sequence[Range],
        seals: Seals,
        sought: DenyList,
        *,
        excluded: DenyList | None = None,
    ) -> Iterator[Found]:
        """Find every record of some listeners.

        Args:
            ranges: where, of one data set.
            seals: of each shard.
            sought: whose records.
            excluded: who is left out of the log index and the cells that are made on the way;
                None: none are made.
        """
        if ranges:
            rules = self.rules(ranges[0].data_set)
            yield from self.run(
                [
                    SearchTask(share, rules, _of(share, seals), sought, excluded)
                    for share in self._shares(self._held(dict.fromkeys(ranges)))
                ]
            )

    def recount(
        self, wanted: Mapping[Range, frozenset[int]], seals: Seals, excluded: DenyList
    ) -> Iterator[Row]:
        """Count slices anew, without some listeners.

        Args:
            wanted: the ranges, of one data set, and the starts of the slices to count in each.
            seals: of each shard.
            excluded: who is left out.
        """
        if wanted:
            rules = self.rules(next(iter(wanted)).data_set)
            held = self._held(wanted)
            yield from self.run(
                [
                    RecountTask(
                        share,
                        rules,
                        _of(share, seals),
                        excluded,
                        {span: held[span] for span in share},
                    )
                    for share in self._shares(held)
                ]
            )

    def merge(self, cells: Iterable[CountedCell]) -> Iterator[MergedCell]:
        """Merge what was counted of cells."""
        tasks = merge_tasks(cells)
        if tasks:
            yield from self.run(tasks)

    def _held[What](self, wanted: Mapping[Range, What]) -> dict[Range, What]:
        """Return what the log still holds of the ranges, cut to what a task may read."""
        firsts = self.firsts({(span.data_set, span.shard) for span in wanted})
        held: dict[Range, What] = {}
        for span, what in wanted.items():
            first = max(span.from_offset, firsts[span.data_set, span.shard])
            if first < span.through_offset:
                left = Range(span.data_set, span.shard, first, span.through_offset)
                held |= dict.fromkeys(split(left, self.max_listens_per_task), what)
        return held

    def _shares(self, ranges: Iterable[Range]) -> list[tuple[Range, ...]]:
        return share_out(ranges, most=self.max_listens_per_task, workers=self.workers)


def rules_in(settings: KafkaSettings) -> Callable[[str], Admission]:
    """Return what tells a data set's rules: every term that stands in `catalogues` by then."""

    def rules(name: str) -> Admission:
        registry = Registry(settings)
        try:
            return Admission(registry.data_set(name), tuple(registry.terms(name)))
        finally:
            registry.close()

    return rules


def first_listens(settings: KafkaSettings) -> Offsets:
    """Return what tells where the logs of listens begin."""
    return _asking(settings, Topics(settings.kafka_topic_prefix).listens, first_offsets)


def ends_of_listens(settings: KafkaSettings) -> Offsets:
    """Return what tells where the logs of listens end, for whoever reads what is committed."""
    return _asking(settings, Topics(settings.kafka_topic_prefix).listens, last_stable_offsets)


def ends_of_cells(settings: KafkaSettings) -> Offsets:
    """Return what tells where the topics of cells end."""
    return _asking(settings, Topics(settings.kafka_topic_prefix).cells, high_watermarks)


def _asking(
    settings: KafkaSettings,
    topic: Callable[[str], str],
    ask: Callable[[KafkaSettings, Sequence[Partition]], dict[Partition, int]],
) -> Offsets:
    def offsets(refs: Collection[ShardRef]) -> dict[ShardRef, int]:
        pairs = {(topic(name), shard): (name, shard) for name, shard in refs}
        return {pairs[pair]: offset for pair, offset in ask(settings, list(pairs)).items()}

    return offsets


def union(ref: ShardRef, spans: Iterable[tuple[int, int]], through: int) -> list[Range]:
    """Return the ranges that cover spans of offsets, none of them twice.

    Args:
        ref: whose log.
        spans: first and last offset of each.
        through: where they end at the latest, exclusive.
    """
    ranges: list[Range] = []
    for first, last in sorted(spans):
        end = min(last + 1, through)
        if ranges and first <= ranges[-1].through_offset:
            end = max(end, ranges[-1].through_offset)
            ranges[-1] = Range(*ref, ranges[-1].from_offset, end)
        elif first < end:
            ranges.append(Range(*ref, first, end))
    return ranges


def _of(share: Sequence[Range], seals: Seals) -> dict[int, SealTimeline]:
    return {
        span.shard: seals[span.data_set, span.shard]
        for span in share
        if (span.data_set, span.shard) in seals
    }
