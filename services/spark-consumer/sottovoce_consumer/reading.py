"""Reading ranges of a log with librdkafka, in big batches."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from sottovoce.kafka import KafkaSettings
from sottovoce.kafka.errors import LogError, LostRecordsError
from sottovoce_consumer.errors import ReadStalledError
from sottovoce_consumer.ranges import Range

MESSAGES_AT_ONCE: Final = 10_000
GATHERING_SECONDS: Final = 0.02
"""How long fewer messages are waited on: a range's end does not wait longer."""


class RangeReader:
    """Reads ranges of one topic, several at once, read-committed.

    One is kept for each worker process: connecting costs more than most ranges.

    Args:
        settings: where Kafka is.
        topic: the topic.
        patience: seconds without any record after which reading fails.
    """

    def __init__(self, settings: KafkaSettings, topic: str, *, patience: float = 30.0) -> None:
        self._topic = topic
        self._patience = patience
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
                # What is fetched beyond a range is thrown away, so don't run far ahead; but a full
                # queue must not be waited on for librdkafka's second.
                queued_min_messages=100_000,
                queued_max_messages_kbytes=65_536,
                fetch_queue_backoff_ms=5,
                check_crcs=True,
            )
        )

    def read(self, ranges: Sequence[Range]) -> Iterator[tuple[Range, list[Message]]]:
        """Yield messages range by range in order of offset, as they come.

        A range ends with a record, or an end of partition, at or beyond its end: a range may end
        in control records, which nobody is shown.

        Raises:
            LostRecordsError: records of a range are no longer in the log.
            ReadStalledError: nothing came for too long.
            LogError: the broker refused.
        """
        waiting = sorted(ranges, key=lambda span: span.from_offset)
        while waiting:
            # Two ranges of one shard can't be read at once.
            at_once = {span.shard: span for span in reversed(waiting)}
            waiting = [span for span in waiting if at_once[span.shard] is not span]
            yield from self._read_at_once(at_once)

    def _read_at_once(self, open_ranges: dict[int, Range]) -> Iterator[tuple[Range, list[Message]]]:
        self._consumer.assign(
            [
                TopicPartition(self._topic, span.shard, span.from_offset)
                for span in open_ranges.values()
            ]
        )
        last = time.monotonic()
        while open_ranges:
            messages = self._consumer.consume(MESSAGES_AT_ONCE, GATHERING_SECONDS)
            if not messages:
                if time.monotonic() - last > self._patience:
                    raise ReadStalledError(self._stalled(open_ranges))
                continue
            last = time.monotonic()
            yield from self._sort_out(messages, open_ranges)
        self._consumer.unassign()

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def _sort_out(
        self, messages: list[Message], open_ranges: dict[int, Range]
    ) -> Iterator[tuple[Range, list[Message]]]:
        for shard, found in _by_shard(messages).items():
            span = open_ranges.get(shard)
            if span is None:
                continue
            records, ended = self._within(span, found)
            if records:
                yield span, records
            if ended:
                del open_ranges[shard]
                if open_ranges:
                    self._consumer.incremental_unassign([TopicPartition(self._topic, shard)])

    def _within(self, span: Range, messages: list[Message]) -> tuple[list[Message], bool]:
        """Return the records within the range, and whether it was read to its end."""
        ended = False
        if any(map(Message.error, messages)):
            records = []
            for message in messages:
                error = message.error()
                if error is None:
                    records.append(message)
                else:
                    ended |= self._is_end(error, message, span)
            messages = records
        if not messages:
            return messages, ended
        last = messages[-1].offset() or 0
        if last >= span.through_offset:
            messages = [each for each in messages if (each.offset() or 0) < span.through_offset]
        return messages, ended or last >= span.through_offset - 1

    def _is_end(self, error: KafkaError, message: Message, span: Range) -> bool:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            return (message.offset() or 0) >= span.through_offset
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):  # noqa: SLF001
            raise LostRecordsError(
                f"{self._topic}[{span.shard}]: the log no longer holds offset {span.from_offset}: "
                f"{error.str()}"
            )
        raise LogError(f"{self._topic}[{span.shard}]: {error.str()}")

    def _stalled(self, open_ranges: dict[int, Range]) -> str:
        waiting = ", ".join(
            f"{shard} to {span.through_offset}" for shard, span in sorted(open_ranges.items())
        )
        return (
            f"{self._topic}: nothing came for {self._patience:.0f} s, wanted are shards {waiting}: "
            "is a broker down?"
        )


def _by_shard(messages: list[Message]) -> dict[int, list[Message]]:
    """Sort messages by shard; they come in runs of one, as they were fetched."""
    shards = np.fromiter(map(Message.partition, messages), np.int64, len(messages))
    cuts = (np.flatnonzero(np.diff(shards)) + 1).tolist()
    by_shard: dict[int, list[Message]] = {}
    for begin, end in itertools.pairwise((0, *cuts, len(messages))):
        by_shard.setdefault(int(shards[begin]), []).extend(messages[begin:end])
    return by_shard
