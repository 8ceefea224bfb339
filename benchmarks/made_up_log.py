"""A log of made-up listens, written straight to `listens.live`: no producer, no bounds."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchmarks.ground import LISTENS_PER_SLICE, Ground
from sottovoce.kafka import TransactionalWriter
from sottovoce.wire import listens as wire

TRACKS = 30_000
LISTENERS = 200_000
_BATCH = 100_000
_COUNTRIES = ("US", "BR", "GB", "MX", "DE", "IN", "FR", "JP", "SE", "PL", "NL", "ES")
_SPREAD_MS = 240_000


TRACK_KEYS = np.random.default_rng(7).integers(1, 2**63, TRACKS, dtype=np.uint64)


def zipf_tracks(
    rng: np.random.Generator, size: int, keys: npt.NDArray[np.uint64] = TRACK_KEYS
) -> npt.NDArray[np.uint64]:
    """Draw track keys by Zipf's law, exponent 1; the first is played most."""
    cumulative = np.cumsum(1.0 / np.arange(1, len(keys) + 1))
    ranks = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], "right")
    drawn: npt.NDArray[np.uint64] = keys[np.minimum(ranks, len(keys) - 1)]
    return drawn


class MadeUpListens:
    """Listens of a fixed crowd over Zipf's tracks; their ends lie in the last four minutes.

    Args:
        shards: of the data set.
        seed: decides all but the times.
        track_keys: the tracks.
    """

    def __init__(
        self, shards: int, seed: int = 1, track_keys: npt.NDArray[np.uint64] = TRACK_KEYS
    ) -> None:
        self._track_keys = track_keys
        self._rng = np.random.default_rng(seed)
        self._listeners = self._rng.integers(0, 2**63, (LISTENERS, 2), dtype=np.uint64)
        packed = wire.pack_keys(self._listeners[:, 0], self._listeners[:, 1])
        self._shard = np.array([wire.shard_of(each.tobytes(), shards) for each in packed])
        self._countries = np.array([wire.country_code(name) for name in _COUNTRIES], np.uint32)

    def draw(self, size: int, now_ms: int) -> tuple[wire.Listens, npt.NDArray[np.int64]]:
        """Return listens and the shard of each."""
        rng = self._rng
        who = rng.integers(0, LISTENERS, size)
        listens = wire.new_listens(size)
        listens["listener_high"] = self._listeners[who, 0]
        listens["listener_low"] = self._listeners[who, 1]
        tracks = zipf_tracks(rng, size, self._track_keys)
        listens["track_high"], listens["track_low"] = tracks ^ np.uint64(1), tracks
        listens["event_high"] = rng.integers(0, 2**63, size, dtype=np.uint64)
        listens["event_low"] = rng.integers(0, 2**63, size, dtype=np.uint64)
        listens["end_time_ms"] = now_ms - rng.integers(0, _SPREAD_MS, size)
        listens["ms_played"] = rng.integers(1_000, 300_000, size)
        listens["country"] = self._countries[rng.integers(0, len(self._countries), size)]
        known = wire.MS_PLAYED_KNOWN | wire.COUNTRY_KNOWN
        marks = np.array([0, wire.FIRST_OF_TRACK, wire.FIRST_OF_TRACK | wire.FIRST_OF_ARTIST])
        listens["flags"] = known | marks[rng.integers(0, 3, size)]
        listens["ordinal"] = rng.integers(0, min(40, LISTENS_PER_SLICE), size)
        return listens, self._shard[who]


def batches(made_up: MadeUpListens, total: int) -> Iterator[tuple[list[bytes], bytes, list[int]]]:
    """Yield keys, joined values and shards."""
    left = total
    while left:
        size = min(left, _BATCH)
        listens, shards = made_up.draw(size, time.time_ns() // 1_000_000)
        yield wire.listen_keys(listens), listens.tobytes(), shards.tolist()
        left -= size


def fill(ground: Ground, total: int) -> float:
    """Write listens to `listens.live` in transactions of 100,000; return the seconds it took."""
    made_up = MadeUpListens(ground.live.shards)
    writer = TransactionalWriter(ground.settings, "bench-fill")
    topic, step = ground.topics.listens("live"), wire.LISTEN_BYTES
    began = time.monotonic()
    for keys, values, shards in batches(made_up, total):
        with writer.transaction():
            for at, (key, shard) in enumerate(zip(keys, shards, strict=True)):
                writer.produce(topic, key, values[at * step : (at + 1) * step], partition=shard)
                if at % 10_000 == 0:
                    writer.poll()
    return time.monotonic() - began
