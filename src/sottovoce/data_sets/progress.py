"""Where the consumer stands, read from the end of `cells.*` alone.

Progress is the last record of each transaction of a shard, so the newest stands near the
partition's end: it is looked for from there backwards, in steps that double.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sottovoce.data_sets.data_set import DataSet
from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.offsets import first_offsets, high_watermarks
from sottovoce.kafka.reading import LogReader
from sottovoce.kafka.topics import Topics
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2

_FIRST_STEP: Final = 64
_PROGRESS_KEY: Final = CellKey(CellKeyKind.PROGRESS).to_bytes()


def latest_progress(
    settings: KafkaSettings, data_set: DataSet
) -> dict[int, cell_pb2.ShardProgress]:
    """Return each shard's newest committed progress; a shard that has none is not in it.

    Raises:
        LogError: the broker can't be reached.
    """
    topic = Topics(settings.kafka_topic_prefix).cells(data_set.name)
    pairs = [(topic, shard) for shard in range(data_set.shards)]
    firsts, ends = first_offsets(settings, pairs), high_watermarks(settings, pairs)
    found: dict[int, cell_pb2.ShardProgress] = {}
    missing = {pair for pair in pairs if ends[pair] > firsts[pair]}
    step = _FIRST_STEP
    while missing:
        start = {pair: max(firsts[pair], ends[pair] - step) for pair in missing}
        with LogReader(settings, list(start), start=start) as reader:
            for record in reader.to_end():
                if record.key == _PROGRESS_KEY and record.value is not None:
                    found[record.partition] = cell_pb2.ShardProgress.FromString(record.value)
        missing = {pair for pair in missing if pair[1] not in found and start[pair] > firsts[pair]}
        step *= 8
    return {
        shard: found[shard]
        for shard in sorted(found)
        if found[shard].epoch in (b"", data_set.epoch) or not data_set.epoch
    }


def complete_through(
    progress: Mapping[int, cell_pb2.ShardProgress], data_set: DataSet
) -> int | None:
    """Return what is complete in every shard, milliseconds; None while a shard has said nothing."""
    if len(progress) < data_set.shards:
        return None
    return min(each.complete_through_ms for each in progress.values())
