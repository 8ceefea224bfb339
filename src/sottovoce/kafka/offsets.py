"""Where logs begin and end.

Whoever asks often hands over an admin client, which keeps its connection; one that nobody keeps is
collected, and never answers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.errors import as_log_error

type Partition = tuple[str, int]

_PATIENCE: Final = 10.0
_WITHOUT_LEADER: Final = (
    KafkaError._NOENT,  # noqa: SLF001
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)


def first_offsets(
    settings: KafkaSettings,
    partitions: Sequence[Partition],
    admin: AdminClient | None = None,
) -> dict[Partition, int]:
    """Return the first offset that each log still holds."""
    return _offsets(
        admin or settings.admin(),
        partitions,
        OffsetSpec.earliest(),
        IsolationLevel.READ_UNCOMMITTED,
    )


def high_watermarks(
    settings: KafkaSettings,
    partitions: Sequence[Partition],
    admin: AdminClient | None = None,
) -> dict[Partition, int]:
    """Return the offset after the last of each log, open transactions included."""
    return _offsets(
        admin or settings.admin(), partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED
    )


def last_stable_offsets(
    settings: KafkaSettings,
    partitions: Sequence[Partition],
    admin: AdminClient | None = None,
) -> dict[Partition, int]:
    """Return the offset before which each log holds no open transaction."""
    return _offsets(
        admin or settings.admin(), partitions, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED
    )


def offsets_at(
    settings: KafkaSettings, partitions: Sequence[Partition], time_ms: int
) -> dict[Partition, int]:
    """Return the first offset of each log that was appended at a time or later, else its end."""
    admin = settings.admin()
    # The ends first: what is appended meanwhile is then behind the answer, never before it.
    ends = high_watermarks(settings, partitions, admin)
    found = _offsets(
        admin, partitions, OffsetSpec.for_timestamp(time_ms), IsolationLevel.READ_UNCOMMITTED
    )
    return {pair: offset if offset >= 0 else ends[pair] for pair, offset in found.items()}


def _offsets(
    admin: AdminClient, partitions: Sequence[Partition], which: Any, isolation: Any
) -> dict[Partition, int]:
    if not partitions:
        return {}
    asked = {TopicPartition(*pair): which for pair in partitions}
    give_up = time.monotonic() + _PATIENCE
    while True:
        found = admin.list_offsets(asked, isolation_level=isolation, request_timeout=_PATIENCE)
        try:
            return {
                (where.topic, where.partition): future.result().offset
                for where, future in found.items()
            }
        except KafkaException as error:
            topics = {topic for topic, _ in partitions}
            if not _is_young(error, admin, topics) or time.monotonic() > give_up:
                raise as_log_error(error.args[0], topics) from error
            time.sleep(0.1)


def _is_young(error: KafkaException, admin: AdminClient, topics: set[str]) -> bool:
    """Return whether the topics are there and only their leaders are not, as just after birth."""
    if error.args[0].code() not in _WITHOUT_LEADER:
        return False
    try:
        there: dict[str, object] = admin.list_topics(timeout=_PATIENCE).topics
    except KafkaException:
        return False  # what was asked first says why
    return topics <= there.keys()
