"""Names of tracks that go with a listener: those of tracks that no cell counts any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

import numpy as np

from sottovoce.cells import ShardView
from sottovoce.data_sets.registry import Registry
from sottovoce.kafka import KafkaSettings, LogReader, Topics

type Unheard = Callable[[AbstractSet[bytes]], AbstractSet[bytes]]
"""Of some tracks, by their ids of 16 big-endian bytes: those that have a name and no listen."""


def uncounted(tracks: AbstractSet[bytes], views: Iterable[ShardView]) -> set[bytes]:
    """Return the tracks that no cell of some shards counts."""
    left = set(tracks)
    for view in views:
        for cell in view.cells.values():
            if not left:
                return left
            ids = sorted(left)
            lows = np.array([int.from_bytes(each[8:], "big") for each in ids], np.uint64)
            counted = np.isin(lows, cell.content().plays.keys).tolist()
            left.difference_update(
                each for each, is_there in zip(ids, counted, strict=True) if is_there
            )
    return left


def unheard_in(settings: KafkaSettings) -> Unheard:
    """Return what finds such tracks in the log: in `tracks`, and in the cells of every data set."""
    topics = Topics(settings.kafka_topic_prefix)

    def unheard(tracks: AbstractSet[bytes]) -> AbstractSet[bytes]:
        named: set[bytes] = set()
        with LogReader(settings, [(topics.tracks, 0)]) as reader:
            for record in reader.to_end():
                if record.value is None:
                    named.discard(record.key)
                elif record.key in tracks:
                    named.add(record.key)
        registry = Registry(settings)
        data_sets = list(registry.data_sets.values())
        registry.close()
        for data_set in data_sets:
            for shard in range(data_set.shards):
                if not named:
                    return named
                # Shard by shard, which bounds the memory.
                view = ShardView(data_set, shard)
                with LogReader(settings, [(topics.cells(data_set.name), shard)]) as reader:
                    for record in reader.to_end():
                        view.apply(record)
                named = uncounted(named, [view])
        return named

    return unheard
