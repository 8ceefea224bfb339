"""The topic `erasures`: asking for an erasure, and following what becomes of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Self

from confluent_kafka import KafkaError, Message, Producer

from sottovoce.erasure.book import GONE, ErasureBook, Request, ShardRef, certificate_key
from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.errors import FatalWriteError
from sottovoce.kafka.reading import LogReader
from sottovoce.kafka.topics import Topics
from sottovoce.wire.v1 import erasure_pb2

_PATIENCE = 30.0


class ErasureLog:
    """A view of `erasures` that follows its log.

    Args:
        settings: where Kafka is.

    Attributes:
        book: what the records amount to.

    Raises:
        MissingTopicError: `sottovoce topics create` was not run.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._topic = Topics(settings.kafka_topic_prefix).erasures
        self.book = ErasureBook()
        self._producer: Producer | None = None
        self._reader = LogReader(settings, [(self._topic, 0)])
        for record in self._reader.to_end():
            self.book.apply(record.key, record.value, record.offset)

    def refresh(self, timeout: float = 0.0) -> bool:
        """Take in what was written since, waiting for it for so many seconds.

        Returns:
            Whether there was anything.
        """
        records = list(self._reader.poll(timeout))
        for record in records:
            self.book.apply(record.key, record.value, record.offset)
        return bool(records)

    def new_requests(self, timeout: float = 0.0) -> list[Request]:
        """Return the requests written since; for the one who writes the states and knows them."""
        records = self._reader.poll(timeout)
        applied = ErasureBook()
        found = [applied.apply(each.key, each.value, each.offset) for each in records]
        fresh = [each for each in found if each and each.erasure not in self.book.requests]
        for request in fresh:
            self.book.learn(request)
        return fresh

    def request(self, pseudonym: bytes, refs: Collection[ShardRef]) -> Request:
        """Ask for a listener to be erased, or return the request that is under way.

        Args:
            pseudonym: whose records are to go; nobody needs to know it.
            refs: every shard of every data set.

        Raises:
            FatalWriteError: it was not written.
        """
        return self.request_all([pseudonym], refs)[0]

    def request_all(self, pseudonyms: Sequence[bytes], refs: Collection[ShardRef]) -> list[Request]:
        """Ask for many at once, which then share one replay; like `request`.

        Raises:
            FatalWriteError: some may have been written: ask again.
        """
        under_way = {
            pseudonym: each
            for pseudonym in pseudonyms
            for each in self.book.of_listener(pseudonym)
            if self.book.step(each.erasure, refs) < GONE
        }
        now_ms = time.time_ns() // 1_000_000
        fresh = {
            pseudonym: Request(secrets.token_hex(16), pseudonym, now_ms)
            for pseudonym in pseudonyms
            if pseudonym not in under_way
        }
        self._write({each.key: each.to_bytes() for each in fresh.values()})
        return [(under_way | fresh)[pseudonym] for pseudonym in pseudonyms]

    def publish(self, certificate: erasure_pb2.ErasureCertificate) -> None:
        """Write a certificate.

        Raises:
            FatalWriteError: it was not written.
        """
        self._write({certificate_key(certificate.erasure): certificate.SerializeToString()})

    def _write(self, records: Mapping[bytes, bytes]) -> None:
        """Append records, each whole or not at all, without a transaction: so nobody is fenced."""
        failed: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failed.append(error)

        if self._producer is None:
            self._producer = Producer(
                self._settings.client_config(acks="all", enable_idempotence=True, linger_ms=0)
            )
        for key, value in records.items():
            self._producer.produce(self._topic, value, key, 0, on_delivery=delivered)
        if self._producer.flush(_PATIENCE) or failed:
            why = failed[0].str() if failed else f"no answer within {_PATIENCE:.0f} s"
            raise FatalWriteError(f"{self._topic} took no record: {why}; look, and ask again")

    def close(self) -> None:
        """Let go of the connection."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
