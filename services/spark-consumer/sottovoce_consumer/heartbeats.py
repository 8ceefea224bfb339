"""Heartbeats: time goes on in shards where nobody listens, so that their panes complete, too."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sottovoce.data_sets.data_set import DataSet
from sottovoce.kafka import KafkaSettings, Topics
from sottovoce.wire.keys import HEARTBEAT_KEY
from sottovoce.wire.v1 import listen_pb2
from sottovoce_consumer.metrics import ConsumerMetrics


class Heartbeats:
    """A thread that appends a record to every shard of the data sets whose clock is append time.

    Outside of transactions, by a producer of its own: what counts is the broker's stamp, and a
    heartbeat too many or too few changes no cell.

    Args:
        settings: where Kafka is.
        data_sets: those with the clock of seals are left alone.
        seconds: from one heartbeat to the next.
        metrics: where failures are counted.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        data_sets: Sequence[DataSet],
        *,
        seconds: float,
        metrics: ConsumerMetrics,
    ) -> None:
        topics = Topics(settings.kafka_topic_prefix)
        self._shards = [
            (topics.listens(data_set.name), shard)
            for data_set in data_sets
            if data_set.by_append_time
            for shard in range(data_set.shards)
        ]
        self._value = listen_pb2.Control(heartbeat=listen_pb2.Heartbeat()).SerializeToString()
        self._seconds = seconds
        self._metrics = metrics
        self._ended = threading.Event()
        self._producer = Producer(
            settings.client_config(
                acks="all", linger_ms=0, message_timeout_ms=int(max(5.0, seconds) * 1_000)
            )
        )
        self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)

    def start(self) -> None:
        """Begin, where there is a shard to keep alive."""
        if self._shards:
            self._thread.start()

    def stop(self) -> None:
        """End, once what was sent is there."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._producer.flush(2.0)

    def _run(self) -> None:
        while True:
            for topic, shard in self._shards:
                try:
                    self._producer.produce(
                        topic, self._value, HEARTBEAT_KEY, shard, on_delivery=self._delivered
                    )
                except (BufferError, KafkaException):
                    # This thread must outlive whatever the broker does: without it quiet shards
                    # never complete.
                    self._metrics.heartbeats_failed.inc()
            self._producer.poll(0)
            if self._ended.wait(self._seconds):
                return

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._metrics.heartbeats_failed.inc()
