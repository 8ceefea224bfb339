"""When each listen became visible, to the millisecond, from what everybody can read."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt

from benchmarks.ground import Ground
from benchmarks.services import QUERY
from sottovoce.kafka import LogReader
from sottovoce.wire import listens as wire
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2, query_pb2

_EVERY_SECONDS = 0.025

type Floats = npt.NDArray[np.float64]
type Longs = npt.NDArray[np.int64]
type Mask = npt.NDArray[np.bool_]


class AdmittedWatch(threading.Thread):
    """Asks the query service again and again how many listens of `live` it has seen counted."""

    def __init__(self, address: str) -> None:
        super().__init__(name="watch", daemon=True)
        self._address = address
        self._over = threading.Event()
        self.seen: list[tuple[float, int]] = []
        self.ended = 0.0

    def run(self) -> None:
        """Ask until told to stop; note each change with its time."""
        with grpc.insecure_channel(self._address) as channel:
            ask: Any = channel.unary_unary(f"/{QUERY}/GetStatus")
            while not self._over.wait(_EVERY_SECONDS):
                status = query_pb2.GetStatusResponse.FromString(ask(b""))
                live = next(each for each in status.data_sets if each.name == "live")
                if not self.seen or live.admitted > self.seen[-1][1]:
                    self.seen.append((time.time(), live.admitted))

    def wait_for(self, admitted: int, timeout: float) -> bool:
        """Wait until so many were seen; return whether they were."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if self.seen and self.seen[-1][1] >= admitted:
                return True
            time.sleep(0.05)
        return False

    def stop(self) -> None:
        """Stop asking."""
        self._over.set()
        self.join()
        self.ended = time.time()


def freshness(ground: Ground, watch: AdmittedWatch) -> tuple[Floats, Floats, Mask]:
    """Return each listen's end of play, in seconds, how long after it it was visible, and if ever.

    A listen is visible when the query service tells of as many counted listens as there were after
    the commit that covers the listen's offset. One that was never seen has waited until the watch
    ended.
    """
    commits = _commits(ground)
    seen_at, seen = (np.array(each) for each in zip(*watch.seen, strict=True))
    totals = np.array([total for total, _ in commits], np.int64)
    first = np.searchsorted(seen, totals)
    visible = np.where(first < len(seen), seen_at[np.minimum(first, len(seen) - 1)], np.inf)
    shards, offsets, ends = _listens(ground)
    waited = np.full(len(ends), np.inf)
    for shard in range(ground.live.shards):
        mine = shards == shard
        through = np.array([stand[shard] for _, stand in commits], np.int64)
        covering = np.searchsorted(through, offsets[mine], "right")
        fine = covering < len(commits)
        at = np.full(len(covering), np.inf)
        at[fine] = visible[covering[fine]]
        waited[mine] = at - ends[mine]
    visible_ever = np.isfinite(waited)
    return ends, np.where(visible_ever, waited, watch.ended - ends), visible_ever


def _commits(ground: Ground) -> list[tuple[int, dict[int, int]]]:
    """Return after each commit: listens admitted in all, and each shard's next offset."""
    cells = ground.topics.cells("live")
    by_time: dict[int, dict[int, cell_pb2.ShardProgress]] = {}
    shards = range(ground.live.shards)
    with LogReader(ground.settings, [(cells, shard) for shard in shards]) as reader:
        for record in reader.to_end():
            if CellKey.from_bytes(record.key).kind is CellKeyKind.PROGRESS and record.value:
                progress = cell_pb2.ShardProgress.FromString(record.value)
                by_time.setdefault(progress.committed_at_ms, {})[record.partition] = progress
    admitted, stand = dict.fromkeys(shards, 0), dict.fromkeys(shards, 0)
    commits = []
    for at_ms in sorted(by_time):
        for shard, progress in by_time[at_ms].items():
            admitted[shard], stand[shard] = progress.admitted, progress.next_offset
        commits.append((sum(admitted.values()), dict(stand)))
    return commits


def _listens(ground: Ground) -> tuple[Longs, Longs, Floats]:
    """Return shard, offset and end (seconds) of every listen in the log."""
    topic = ground.topics.listens("live")
    partitions = [(topic, shard) for shard in range(ground.live.shards)]
    places, ends = [np.zeros((0, 2), np.int64)], [np.zeros(0)]
    with LogReader(ground.settings, partitions) as reader:
        for messages in reader.messages_to_end():
            values = [message.value() or b"" for message in messages]
            mine = [len(value) == wire.LISTEN_BYTES for value in values]
            at = [(message.partition(), message.offset()) for message in messages]
            places.append(np.array(at, np.int64)[mine])
            listens = wire.view_listens(b"".join(itertools.compress(values, mine)))
            ends.append(listens["end_time_ms"].astype(np.float64) / 1000)
    at_all = np.concatenate(places)
    return at_all[:, 0], at_all[:, 1], np.concatenate(ends)
