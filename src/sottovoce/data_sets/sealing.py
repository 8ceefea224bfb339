"""Seals: how an operator says that a data set's past is closed.

The seals that stand are known from the consumer's progress, up to the offset that it has read, and
from the log itself behind that: so a consumer that lags or rests makes no difference.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from sottovoce.data_sets.data_set import DataSet, DataSetError
from sottovoce.data_sets.progress import latest_progress
from sottovoce.data_sets.publishing import ADMINISTRATOR
from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.reading import LogReader
from sottovoce.kafka.topics import Topics
from sottovoce.kafka.transactions import TransactionalWriter
from sottovoce.wire import keys
from sottovoce.wire.v1 import listen_pb2


def sealed_through(settings: KafkaSettings, data_set: DataSet) -> int:
    """Return the end of what is sealed, milliseconds since 1970 UTC; 0 where nothing is."""
    progress = latest_progress(settings, data_set)
    topic = Topics(settings.kafka_topic_prefix).listens(data_set.name)
    seals = [mark.through_ms for each in progress.values() for mark in each.seals]
    # What the consumer has read may since have left the log: only what is behind it is asked for.
    start = {(topic, shard): each.next_offset for shard, each in progress.items()}
    pairs = [(topic, shard) for shard in range(data_set.shards)]
    with LogReader(settings, pairs, start=start) as reader:
        for record in reader.to_end():
            if record.key.startswith(keys.SEAL_KEY) and record.value is not None:
                control = listen_pb2.Control.FromString(record.value)
                seals.append(control.seal.through_ms)
    return max(seals, default=0)


def check_seal(data_set: DataSet, through_ms: int, sealed_ms: int, now_ms: int) -> None:
    """Refuse a seal that makes no sense.

    Args:
        data_set: what is to be sealed.
        through_ms: the end of what is to be closed, exclusive.
        sealed_ms: the end of what is sealed.
        now_ms: the current time.

    Raises:
        DataSetError: why it can't be.
    """
    name = data_set.name
    if data_set.by_append_time:
        raise DataSetError(
            f"data set {name} has no seals: its slices close by themselves, by the broker's clock"
        )
    if through_ms % data_set.slice_ms:
        raise DataSetError(
            f"{_time(through_ms)} is not the start of a slice of {name}, which are "
            f"{data_set.slice_ms // 1000} s long; the one before begins at "
            f"{_time(data_set.slice_of(through_ms))}"
        )
    if through_ms <= data_set.first_ms:
        raise DataSetError(
            f"{name} begins at {_time(data_set.first_ms)}: there is nothing before "
            f"{_time(through_ms)} to seal"
        )
    if through_ms > now_ms:
        raise DataSetError(
            f"{_time(through_ms)} lies in the future: {name} can be sealed through "
            f"{_time(data_set.slice_of(now_ms))} at most"
        )
    if through_ms < sealed_ms:
        raise DataSetError(
            f"{name} is sealed through {_time(sealed_ms)} already, and a seal can't be taken back "
            f"to {_time(through_ms)}"
        )


def seal(settings: KafkaSettings, data_set: DataSet, through_ms: int) -> bool:
    """Close everything of a data set before a time: one record in every shard, all or none.

    Returns:
        Whether it was written; a seal that stands is not written again.

    Raises:
        DataSetError: the seal makes no sense.
    """
    writer = TransactionalWriter(settings, ADMINISTRATOR)
    sealed_ms = sealed_through(settings, data_set)
    now_ms = time.time_ns() // 1_000_000
    check_seal(data_set, through_ms, sealed_ms, now_ms)
    if through_ms == sealed_ms:
        return False
    record = listen_pb2.Control(
        seal=listen_pb2.Seal(through_ms=through_ms, sealed_at_ms=now_ms)
    ).SerializeToString()
    topic = Topics(settings.kafka_topic_prefix).listens(data_set.name)
    with writer.transaction():
        for shard in range(data_set.shards):
            writer.produce(topic, keys.seal_key(through_ms), record, partition=shard)
    return True


def _time(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC".replace(
        " 00:00:00", ""
    )
