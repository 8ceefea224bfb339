"""A live stream of made-up listens, and what the consumer commits of it."""

from __future__ import annotations

import threading
import time
from typing import Final, Self

import numpy as np

from benchmarks.ground import Ground
from benchmarks.made_up_log import MadeUpListens
from sottovoce.kafka import LogReader, TransactionalWriter
from sottovoce.wire import listens as wire
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2

PER_SECOND: Final = 2_000


class LiveStream:
    """A thread that goes on writing listens of now."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        made_up = MadeUpListens(self._ground.live.shards)
        writer = TransactionalWriter(self._ground.settings, "bench-live")
        topic, step = self._ground.topics.listens("live"), wire.LISTEN_BYTES
        while not self._ended.wait(0.2):
            now_ms = time.time_ns() // 1_000_000
            listens, shards = made_up.draw(PER_SECOND // 5, now_ms)
            keys, values = wire.listen_keys(listens), listens.tobytes()
            with writer.transaction():
                for at, (key, shard) in enumerate(zip(keys, shards.tolist(), strict=True)):
                    writer.produce(topic, key, values[at * step : (at + 1) * step], partition=shard)


class Commits:
    """Follows the consumer's progress."""

    def __init__(self, ground: Ground) -> None:
        self._reader = LogReader(
            ground.settings,
            [
                (ground.topics.cells(each.name), shard)
                for each in ground.data_sets
                for shard in range(each.shards)
            ],
        )
        self._live = ground.topics.cells("live")
        self.read: dict[tuple[str, int], cell_pb2.ShardProgress] = {}
        self._waited: list[float] = []

    def look(self, timeout: float = 0.05) -> None:
        """Take in what was committed since."""
        for record in self._reader.poll(timeout):
            if CellKey.from_bytes(record.key).kind is CellKeyKind.PROGRESS and record.value:
                progress = cell_pb2.ShardProgress.FromString(record.value)
                self.read[record.topic, record.partition] = progress
                if record.topic == self._live and progress.append_time_ms:
                    waited = progress.committed_at_ms - progress.append_time_ms
                    self._waited.append(waited / 1_000)

    def live_through_ms(self) -> int:
        """Return the append time through which every shard of `live` is counted."""
        shards = [
            each.append_time_ms for (name, _), each in self.read.items() if name == self._live
        ]
        return min(shards, default=0)

    def take_freshness(self) -> float:
        """Return the 99th percentile of what live commits waited since the last call, seconds."""
        waited, self._waited = self._waited, []
        return float(np.percentile(waited, 99)) if waited else 0.0

    def counted(self, topic: str) -> int:
        """Return how many records of a data set were counted or refused."""
        return sum(
            each.admitted + sum(refused.count for refused in each.refused)
            for (name, _), each in self.read.items()
            if name == topic
        )
