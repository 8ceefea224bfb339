"""Reading topics whole: to the end as it stood at the start, then on.

The end is the high watermark, not the last stable offset: a transaction that is open when a
reader starts is waited for, so nothing that a fenced predecessor wrote is missed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.errors import LogError, LostRecordsError, as_log_error
from sottovoce.kafka.offsets import Partition, first_offsets, high_watermarks


@dataclass(frozen=True, slots=True)
class Record:
    """A record as read.

    Attributes:
        append_time_ms: the record's time stamp: the broker's on topics stamped by append time.
    """

    topic: str
    partition: int
    offset: int
    append_time_ms: int
    key: bytes
    value: bytes | None


class LogReader:
    """Reads whole partitions, read-committed, in order of offset within each.

    Args:
        settings: where Kafka is.
        partitions: (topic, partition) pairs.
        start: first offset of a pair to read; the log's beginning where it is not named.
        through: where reading to the end stops, for a pair that need not be read to its own.
        at_once: how many records are held at once; less where they are large.
        timeout: seconds without any progress after which reading to the end gives up.

    Raises:
        MissingTopicError: a topic is not there.
        LogError: the broker can't be reached.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        partitions: Sequence[Partition],
        *,
        start: dict[Partition, int] | None = None,
        through: dict[Partition, int] | None = None,
        at_once: int = 10_000,
        timeout: float = 60.0,
    ) -> None:
        self._timeout = timeout
        self._at_once = at_once
        low = first_offsets(settings, partitions)
        self._ends = {**high_watermarks(settings, partitions), **(through or {})}
        self.positions: dict[Partition, int] = {**low, **(start or {})}
        for pair, first in self.positions.items():
            if first < low[pair]:
                raise LostRecordsError(
                    f"{pair[0]}[{pair[1]}]: offset {first} is wanted, but the log begins at "
                    f"{low[pair]}: what lay between is gone"
                )
        self._consumer = Consumer(
            settings.client_config(
                group_id="unused",
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                enable_partition_eof=True,
                isolation_level="read_committed",
                auto_offset_reset="error",
                fetch_wait_max_ms=20,
                fetch_error_backoff_ms=20,
                # Read ahead, but never hold much more than what is being applied.
                queued_max_messages_kbytes=8_192,
                fetch_queue_backoff_ms=5,
            )
        )
        self._consumer.assign(
            [TopicPartition(*pair, offset) for pair, offset in self.positions.items()]
        )

    @property
    def ends(self) -> dict[Partition, int]:
        """The high watermarks as they stood when this reader was made, or `through`."""
        return dict(self._ends)

    @property
    def at_end(self) -> bool:
        """Whether everything up to `ends` was read."""
        return not self._behind()

    def to_end(self) -> Iterator[Record]:
        """Yield everything up to `ends`, waiting for transactions that are open before it.

        Raises:
            LogError: no progress for `timeout` seconds.
            LostRecordsError: records vanished while they were read.
        """
        for messages in self.messages_to_end():
            yield from map(as_record, messages)

    def messages_to_end(self) -> Iterator[list[Message]]:
        """Like `to_end`, but as the client's own messages, many at once.

        For long logs: what is made of a record here costs more than reading it.

        Raises:
            LogError: no progress for `timeout` seconds.
            LostRecordsError: records vanished while they were read.
        """
        quiet_since = time.monotonic()
        while behind := self._behind():
            if messages := self._take(timeout=0.1):
                yield messages
            if self._behind() != behind:  # others may go on growing beyond their ends
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since > self._timeout:
                waiting = [
                    f"{topic}[{partition}] at {position} of {self._ends[topic, partition]}"
                    for (topic, partition), position in behind.items()
                ]
                raise LogError(
                    f"reading made no progress for {self._timeout:.0f} s: {', '.join(waiting)}; "
                    "a transaction may be hanging, which `sottovoce doctor` tells"
                )

    def poll(self, timeout: float = 0.1) -> Iterator[Record]:
        """Yield what is there, waiting at most `timeout` seconds for the first record."""
        yield from map(as_record, self._take(timeout))

    def _behind(self) -> dict[Partition, int]:
        """Return where the partitions stand that were not read to their ends."""
        return {
            pair: position
            for pair, end in self._ends.items()
            if (position := self.positions[pair]) < end
        }

    def _take(self, timeout: float) -> list[Message]:
        """Return the messages that are there, and move on to behind them."""
        taken = self._consumer.consume(self._at_once, timeout)
        messages = [each for each in taken if each.error() is None]
        # In order of offset within each partition: the last one stays.
        self.positions |= {_pair(each): _offset(each) + 1 for each in messages}
        for message in taken:
            if (error := message.error()) is None:
                continue
            pair = _pair(message)
            if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001
                raise as_log_error(error, [pair[0]])
            self.positions[pair] = max(self.positions[pair], _offset(message))
        return messages

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def as_record(message: Message) -> Record:
    """Return a message of the client as a record."""
    topic, partition = _pair(message)
    return Record(
        *(topic, partition, _offset(message), message.timestamp()[1]),
        message.key() or b"",
        message.value(),
    )


def _pair(message: Message) -> Partition:
    return message.topic() or "", message.partition() or 0


def _offset(message: Message) -> int:
    return message.offset() or 0
