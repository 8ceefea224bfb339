"""Transactions that hang: open in a log, while nobody is left who could end them.

A broker can leave them behind that lost writes, such as one whose disk was full. Who reads what is
committed gets no further than their first record, for ever.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, TopicPartition

from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.errors import as_log_error
from sottovoce.kafka.offsets import Partition, high_watermarks, last_stable_offsets

OPEN_MS: Final = 60_000
"""No writer of ours has a transaction open for so long."""

_PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True)
class HangingTransaction:
    """One of them.

    Attributes:
        topic: the topic, its prefix included.
        partition: the partition.
        offset: of its first record.
        since_ms: the time stamp of that, milliseconds since 1970 UTC.
    """

    topic: str
    partition: int
    offset: int
    since_ms: int


def hanging_transactions(
    settings: KafkaSettings, partitions: Sequence[Partition], *, open_ms: int = OPEN_MS
) -> list[HangingTransaction]:
    """Return what has been open for too long in some logs.

    Args:
        settings: where Kafka is.
        partitions: which logs.
        open_ms: for how long a transaction may be open.

    Raises:
        LogError: the broker can't be reached, or a topic is missing.
    """
    # Before the ends are looked up: what a log that grows meanwhile takes in is never too old.
    before_ms = time.time_ns() // 1_000_000 - open_ms
    stable = last_stable_offsets(settings, partitions)
    ends = high_watermarks(settings, partitions)
    opened = {pair: offset for pair, offset in stable.items() if offset < ends[pair]}
    return [
        HangingTransaction(*pair, opened[pair], since_ms)
        for pair, since_ms in _stamps(settings, opened).items()
        if since_ms < before_ms
    ]


def _stamps(settings: KafkaSettings, places: dict[Partition, int]) -> dict[Partition, int]:
    """Return the time stamp of the record at an offset of each log, or of what follows it."""
    found: dict[Partition, int] = {}
    if not places:
        return found
    config = settings.client_config(
        group_id="unused", enable_auto_commit=False, isolation_level="read_uncommitted"
    )
    consumer = Consumer(config)
    try:
        consumer.assign([TopicPartition(*pair, offset) for pair, offset in places.items()])
        give_up = time.monotonic() + _PATIENCE
        while found.keys() != places.keys() and time.monotonic() < give_up:
            for message in consumer.consume(1_000, 0.1):
                if (error := message.error()) is not None:
                    raise as_log_error(error, [message.topic() or ""])
                pair = message.topic() or "", message.partition() or 0
                found.setdefault(pair, message.timestamp()[1])
    finally:
        consumer.close()
    return found
