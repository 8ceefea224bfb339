"""Whether the producer, the imports and the consumer get on, as the log tells it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import Consumer, Message, TopicPartition

from sottovoce.kafka import KafkaSettings, Topics
from sottovoce.wire.keys import CellKey, CellKeyKind, source_key
from sottovoce.wire.v1 import cell_pb2, producer_pb2

CAUGHT_UP_SECONDS: Final = 3.0
"""A consumer is live while what it last counted in every shard is no older than this."""

_SOURCE: Final = source_key("")


class Pulse(threading.Thread):
    """Follows `cursors` and the cells of `live`.

    Args:
        settings: the broker.
        shards: how many `live` has.
    """

    def __init__(self, settings: KafkaSettings, shards: int) -> None:
        super().__init__(name="pulse", daemon=True)
        self._topics = Topics(settings.kafka_topic_prefix)
        self._reader = Consumer(
            settings.client_config(
                group_id="unused",
                isolation_level="read_committed",
                reconnect_backoff_ms=50,
                reconnect_backoff_max_ms=200,
                fetch_wait_max_ms=50,
            )
        )
        cells = self._topics.cells("live")
        places = [(self._topics.cursors, 0), *((cells, shard) for shard in range(shards))]
        self._reader.assign([TopicPartition(topic, shard, 0) for topic, shard in places])
        self._counted_ms = dict.fromkeys(range(shards), 0)
        self._moved = {"simulator": 0.0, "log": 0.0}
        self._over = threading.Event()

    def run(self) -> None:
        """Follow until told to stop."""
        while not self._over.is_set():
            self._take(self._reader.consume(1_000, 0.1))
        self._reader.close()

    def stop(self) -> None:
        """Stop following."""
        self._over.set()
        self.join()

    def source_moved(self, kind: str) -> float:
        """Return when a batch of the simulator, or of a `log`, last began; seconds since 1970."""
        return self._moved[kind]

    def counted_through(self) -> float:
        """Return the stamp before which all is counted, in every shard; seconds since 1970."""
        return min(self._counted_ms.values()) / 1_000

    def is_caught_up(self, since: float) -> bool:
        """Return whether the consumer counted what came after a time, and all but the newest."""
        through = self.counted_through()
        return through >= since and time.time() - through <= CAUGHT_UP_SECONDS

    def _take(self, messages: Sequence[Message]) -> None:
        for message in messages:
            key, value = message.key(), message.value()
            if message.error() is not None or key is None or value is None:
                continue
            if message.topic() != self._topics.cursors:
                if CellKey.from_bytes(key).kind is CellKeyKind.PROGRESS:
                    progress = cell_pb2.ShardProgress.FromString(value)
                    self._counted_ms[message.partition()] = progress.append_time_ms
            elif key.startswith(_SOURCE):
                cursor = producer_pb2.SourceCursor.FromString(value)
                self._moved[cursor.source.partition(":")[0]] = cursor.updated_at_ms / 1_000
