"""What one transaction writes for one shard."""

from __future__ import annotations

from dataclasses import dataclass, field

from sottovoce.cells import KeyedValue
from sottovoce.wire.v1 import cell_pb2


@dataclass(slots=True)
class Entry:
    """What a transaction writes for one shard.

    Attributes:
        records: for `cells.*`, the progress record last; empty where there is nothing to write.
        progress: the progress record.
        dead_letters: for `dead-letters`, a `DeadLetter` each, as bytes: a batch of poison has as
            many as records, and messages would take a gigabyte.
        deltas: how many cells got a delta.
        folds: how many cells were folded.
        expired: how many cells went.
    """

    progress: cell_pb2.ShardProgress
    records: list[KeyedValue] = field(default_factory=list)
    dead_letters: list[bytes] = field(default_factory=list)
    deltas: int = 0
    folds: int = 0
    expired: int = 0
