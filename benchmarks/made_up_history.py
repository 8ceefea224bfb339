"""A log of made-up history, written straight to `listens.history`: a crowd over some days."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchmarks.ground import Ground
from benchmarks.made_up_log import zipf_tracks
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.kafka import TransactionalWriter
from sottovoce.wire import listens as wire

DAYS = 24
SOME_DAYS = 3
_BATCH = 100_000


class MadeUpHistory:
    """Listens of a crowd, evenly over its days, in the order in which imports bring them.

    Args:
        shards: of the data set.
        listeners: how many there are; the first is there on `SOME_DAYS` of the days only.
        total: how many listens they have together.
    """

    def __init__(self, shards: int, listeners: int, total: int) -> None:
        self._rng = np.random.default_rng(5)
        self._halves = self._rng.integers(0, 2**63, (listeners, 2), dtype=np.uint64)
        packed = wire.pack_keys(self._halves[:, 0], self._halves[:, 1])
        self.pseudonyms = [each.tobytes() for each in packed]
        self._shard = np.array([wire.shard_of(each, shards) for each in self.pseudonyms])
        self._total = total
        self._first_ms = (time.time_ns() // 1_000_000 // DAY_MS - 2 * DAYS) * DAY_MS

    def batches(self) -> Iterator[tuple[wire.Listens, npt.NDArray[np.int64]]]:
        """Yield listens, and the shard of each."""
        for done in range(0, self._total, _BATCH):
            size = min(_BATCH, self._total - done)
            who = np.sort(self._rng.integers(0, len(self._halves), size))
            days = self._rng.integers(0, DAYS, size)
            days[who == 0] %= SOME_DAYS
            yield self._listens(who, days), self._shard[who]

    def _listens(self, who: npt.NDArray[np.int64], days: npt.NDArray[np.int64]) -> wire.Listens:
        rng, size = self._rng, len(who)
        listens = wire.new_listens(size)
        listens["listener_high"], listens["listener_low"] = self._halves[who].T
        tracks = zipf_tracks(rng, size)
        listens["track_high"], listens["track_low"] = tracks ^ np.uint64(1), tracks
        listens["event_high"] = rng.integers(0, 2**63, size, dtype=np.uint64)
        listens["event_low"] = rng.integers(0, 2**63, size, dtype=np.uint64)
        listens["end_time_ms"] = self._first_ms + days * DAY_MS + rng.integers(0, DAY_MS, size)
        listens["ms_played"] = rng.integers(1_000, 300_000, size)
        listens["flags"] = wire.MS_PLAYED_KNOWN
        listens["ordinal"] = rng.integers(0, 200, size)
        return listens


def fill_history(ground: Ground, history: MadeUpHistory) -> float:
    """Write listens in transactions of 100,000; return the seconds it took."""
    writer = TransactionalWriter(ground.settings, "bench-fill")
    topic, step = ground.topics.listens("history"), wire.LISTEN_BYTES
    began = time.monotonic()
    for listens, shards in history.batches():
        keys, values = wire.listen_keys(listens), listens.tobytes()
        with writer.transaction():
            for at, (key, shard) in enumerate(zip(keys, shards.tolist(), strict=True)):
                writer.produce(topic, key, values[at * step : (at + 1) * step], partition=shard)
                if at % 10_000 == 0:
                    writer.poll()
    return time.monotonic() - began
