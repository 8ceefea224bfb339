"""Writing in transactions, where any doubt ends the process.

librdkafka can't tell what became of a commit that timed out, and lacks the epochs that would keep
its end from hitting the next transaction. So there is no abort-and-continue: the error goes up, the
process ends, and its next start reads what the log holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.errors import FatalWriteError

TRANSACTION_TIMEOUT_MS: Final = 10_000


class TransactionalWriter:
    """The one producer of a process, under a fixed transactional id.

    Making it fences every earlier holder of the id; read state only after that.

    Args:
        settings: where Kafka is.
        transactional_id: fixed for the role, such as "writer-0".
        timeout: seconds for `init_transactions` and for a commit.
        transaction_timeout_ms: how long a transaction may be open; for so long a writer that died
            holds up who reads what it wrote, unless it starts again before.

    Raises:
        FatalWriteError: the broker can't be reached, or refuses.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        transactional_id: str,
        *,
        timeout: float = 30.0,
        transaction_timeout_ms: int = TRANSACTION_TIMEOUT_MS,
    ) -> None:
        self.transactional_id = f"{settings.kafka_topic_prefix}{transactional_id}"
        self._timeout = timeout
        self._failed: KafkaError | None = None
        self._producer = Producer(
            settings.client_config(
                transactional_id=self.transactional_id,
                transaction_timeout_ms=transaction_timeout_ms,
                enable_idempotence=True,
                acks="all",
                linger_ms=5,
                batch_num_messages=50_000,
                batch_size=1_000_000,
                queue_buffering_max_messages=1_000_000,
                queue_buffering_max_kbytes=1_048_576,
                compression_type="lz4",
            )
        )
        with self._fatal("init_transactions"):
            self._producer.init_transactions(timeout)

    @contextmanager
    def _fatal(self, what: str) -> Iterator[None]:
        try:
            yield
        except (KafkaException, BufferError) as error:
            raise FatalWriteError(
                f"{what} of {self.transactional_id} failed: {error}; the process must end, "
                "its next start reads what the log holds"
            ) from error

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None and self._failed is None:
            self._failed = error

    @contextmanager
    def transaction(self) -> Iterator[TransactionalWriter]:
        """Open a transaction; commit it when the block ends well.

        Raises:
            FatalWriteError: a produce or the commit failed or timed out. What the block itself
                raises goes up as it is, and the transaction is left to time out.
        """
        with self._fatal("begin_transaction"):
            self._producer.begin_transaction()
        yield self
        with self._fatal("commit_transaction"):
            self._producer.commit_transaction(self._timeout)
        if self._failed is not None:
            raise FatalWriteError(f"a record of {self.transactional_id} failed: {self._failed}")

    def produce(self, topic: str, key: bytes, value: bytes | None, *, partition: int = 0) -> None:
        """Add a record to the open transaction; waits while the queue is full."""
        with self._fatal("produce"):
            while True:
                try:
                    self._producer.produce(
                        topic, value, key, partition, on_delivery=self._delivered
                    )
                except BufferError:
                    self._producer.poll(0.05)
                else:
                    return

    def poll(self) -> None:
        """Serve delivery reports without waiting."""
        self._producer.poll(0)
