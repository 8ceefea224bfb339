"""Where logs begin and end.

Asked by a consumer, not by an admin client: librdkafka's admin `list_offsets` stands still for
three seconds now and then (one call in thirty, on an idle broker), and a batch's plan waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.errors import as_log_error

type Partition = tuple[str, int]

# What ListOffsets takes in the place of a time.
_LATEST: Final = -1
_EARLIEST: Final = -2

_PATIENCE: Final = 10.0
# What a partition answers whose leader is not there yet, or was another one a moment ago.
_WITHOUT_LEADER: Final = (
    KafkaError._NOENT,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)


class OffsetsClient:
    """A connection that is asked about offsets, again and again.

    Args:
        settings: where Kafka is.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._clients: dict[str, Consumer] = {}

    def ask(
        self, partitions: Sequence[Partition], time_ms: int, isolation: str
    ) -> dict[Partition, int]:
        """Return the first offset of each log at a time or later, -1 where there is none.

        Args:
            partitions: which logs.
            time_ms: a time of appending, or one of Kafka's own values below 0.
            isolation: "read_committed" or "read_uncommitted".

        Raises:
            LogError: the broker can't be reached, or a topic is missing.
        """
        if not partitions:
            return {}
        client = self._client(isolation)
        asked = [TopicPartition(*pair, time_ms) for pair in partitions]
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                return _read(client, asked)
            except KafkaException as error:
                topics = {topic for topic, _ in partitions}
                if not _is_young(error, client, topics) or time.monotonic() > give_up:
                    raise as_log_error(error.args[0], topics) from error
                time.sleep(0.1)

    def _client(self, isolation: str) -> Consumer:
        if isolation not in self._clients:
            self._clients[isolation] = Consumer(
                self._settings.client_config(group_id="unused", isolation_level=isolation)
            )
        return self._clients[isolation]

    def close(self) -> None:
        """Let go of the connection."""
        while self._clients:
            self._clients.popitem()[1].close()


def first_offsets(
    settings: KafkaSettings,
    partitions: Sequence[Partition],
    client: OffsetsClient | None = None,
) -> dict[Partition, int]:
    """Return the first offset that each log still holds."""
    return _ask(settings, partitions, _EARLIEST, "read_committed", client)


def high_watermarks(
    settings: KafkaSettings,
    partitions: Sequence[Partition],
    client: OffsetsClient | None = None,
) -> dict[Partition, int]:
    """Return the offset after the last of each log, open transactions included."""
    return _ask(settings, partitions, _LATEST, "read_uncommitted", client)


def last_stable_offsets(
    settings: KafkaSettings,
    partitions: Sequence[Partition],
    client: OffsetsClient | None = None,
) -> dict[Partition, int]:
    """Return the offset before which each log holds no open transaction."""
    return _ask(settings, partitions, _LATEST, "read_committed", client)


def offsets_at(
    settings: KafkaSettings, partitions: Sequence[Partition], time_ms: int
) -> dict[Partition, int]:
    """Return the first offset of each log that was appended at a time or later, else its end."""
    # The ends first: what is appended meanwhile is then behind the answer, never before it.
    ends = high_watermarks(settings, partitions)
    found = _ask(settings, partitions, time_ms, "read_uncommitted", None)
    return {pair: offset if offset >= 0 else ends[pair] for pair, offset in found.items()}


def _ask(
    settings: KafkaSettings,
    partitions: Sequence[Partition],
    time_ms: int,
    isolation: str,
    client: OffsetsClient | None,
) -> dict[Partition, int]:
    if client is not None:
        return client.ask(partitions, time_ms, isolation)
    passing = OffsetsClient(settings)
    try:
        return passing.ask(partitions, time_ms, isolation)
    finally:
        passing.close()


def _read(client: Consumer, asked: list[TopicPartition]) -> dict[Partition, int]:
    found = client.offsets_for_times(asked, _PATIENCE)
    for each in found:
        if each.error is not None:
            raise KafkaException(each.error)
    return {(each.topic, each.partition): each.offset for each in found}


def _is_young(error: KafkaException, client: Consumer, topics: set[str]) -> bool:
    """Return whether the topics are there and only their leaders are not, as just after birth."""
    if error.args[0].code() not in _WITHOUT_LEADER:
        return False
    try:
        there: dict[str, object] = client.list_topics(timeout=_PATIENCE).topics
    except KafkaException:
        return False  # what was asked first says why
    return topics <= there.keys()
