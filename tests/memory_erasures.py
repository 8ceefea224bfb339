"""The topic `erasures` in memory, that several replicas and a made-up consumer share."""

from __future__ import annotations

from sottovoce.erasure import ErasureBook
from sottovoce.erasure.book import GONE, REBUILT, state_key
from sottovoce.erasure.log import ErasureLog
from sottovoce.kafka import Topics
from sottovoce.wire.v1 import erasure_pb2
from sottovoce_query.erasures.register import ErasureRegister

KEPT_MS = 1_000


class MemoryErasures(ErasureLog):
    """One replica's view of a shared list of records."""

    def __init__(self, records):
        self.book = ErasureBook()
        self.records = records
        self._position = 0
        self.refresh()

    def refresh(self, timeout=0.0):
        first, self._position = self._position, len(self.records)
        for offset, (key, value) in enumerate(self.records[first : self._position], first):
            self.book.apply(key, value, offset)
        return self._position > first

    def _write(self, records):
        self.records += records.items()

    def close(self):
        pass


def register_of(records, data_sets, key=None, clock_ms=lambda: 1_234):
    """What a replica of the query service knows of erasures."""
    log = MemoryErasures(records)
    return ErasureRegister(log, data_sets, key, Topics(), lambda: KEPT_MS, clock_ms)


def rebuilt(records, erasure, data_set, slices, step=REBUILT):
    """Write what the consumer writes when it has rebuilt the cells of slices in every shard."""
    for shard in range(data_set.shards):
        state = erasure_pb2.ErasureState(
            erasure=erasure,
            data_set=data_set.name,
            shard=shard,
            step=step,
            denied_from=1,
            rebuilt_through=1,
            gone_at_ms=7 if step == GONE else 0,
            cells=[erasure_pb2.ErasedCell(slice_ms=each, digest=b"d" * 32) for each in slices],
        )
        records.append((state_key(state), state.SerializeToString()))
