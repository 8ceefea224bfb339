"""Writing many listens of one transaction at a time."""

from __future__ import annotations

from typing import Final

import numpy as np

from sottovoce.kafka import TransactionalWriter
from sottovoce.wire.listens import LISTEN_BYTES, Listens, listen_keys
from sottovoce_producer.listeners import Longs

_CHUNK: Final = 10_000


class ListenLog(TransactionalWriter):
    """A transactional writer that takes listens by the array."""

    def produce_listens(self, topic: str, listens: Listens, shards: Longs) -> None:
        """Add listens to the open transaction, in their order; waits while the queue is full.

        A record that fails fails the commit.
        """
        with self._fatal("produce"):
            for start in range(0, len(listens), _CHUNK):
                chunk = slice(start, start + _CHUNK)
                self._produce_chunk(topic, listens[chunk], shards[chunk])

    def _produce_chunk(self, topic: str, listens: Listens, shards: Longs) -> None:
        buffer = np.ascontiguousarray(listens).tobytes()
        keys = listen_keys(listens)
        produce, poll = self._producer.produce, self._producer.poll
        starts = range(0, len(buffer), LISTEN_BYTES)
        for start, key, shard in zip(starts, keys, shards.tolist(), strict=True):
            while True:
                try:
                    produce(topic, buffer[start : start + LISTEN_BYTES], key, shard)
                    break
                except BufferError:
                    poll(0.05)
        poll(0)
