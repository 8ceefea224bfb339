"""How far each shard is behind its log, and how far its log's beginning is behind it."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from sottovoce.kafka import KafkaSettings, Topics
from sottovoce.kafka.errors import LogError
from sottovoce.kafka.offsets import OffsetsClient, first_offsets, high_watermarks
from sottovoce.service.logging import get_logger
from sottovoce_consumer.books import ShardBook
from sottovoce_consumer.metrics import ConsumerMetrics
from sottovoce_consumer.ranges import ShardRef


class LagWatch:
    """A thread that looks up the log's ends and keeps the gauges."""

    def __init__(
        self,
        settings: KafkaSettings,
        books: Mapping[ShardRef, ShardBook],
        metrics: ConsumerMetrics,
        *,
        seconds: float = 2.0,
    ) -> None:
        topics = Topics(settings.kafka_topic_prefix)
        self._books = books
        self._pairs = {(topics.listens(name), shard): (name, shard) for name, shard in books}
        self._metrics = metrics
        self._seconds = seconds
        self._settings = settings
        self._offsets = OffsetsClient(settings)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lag", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def look(self) -> None:
        """Look once.

        Raises:
            LogError: the broker can't be reached.
        """
        latest = high_watermarks(self._settings, list(self._pairs), self._offsets)
        earliest = first_offsets(self._settings, list(self._pairs), self._offsets)
        for pair, (name, shard) in self._pairs.items():
            following = self._books[name, shard].next_offset
            labels = (name, str(shard))
            self._metrics.lag.labels(*labels).set(max(0, latest[pair] - following))
            self._metrics.margin.labels(*labels).set(following - earliest[pair])

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                self.look()
            except LogError as error:
                get_logger().warning("the log's ends can't be looked up", reason=str(error))
