"""Erasures as values: how far they have come, and their certificates."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

STEPS: Final = ("requested", "denied", "rebuilt", "tombstoned", "gone")
"""In their order; at the last one nothing is left to do."""


@dataclass(frozen=True, slots=True)
class ErasedShard:
    """How far an erasure has come in a shard of a data set's log."""

    data_set: str
    shard: int
    step: str


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure, and how far it has come.

    Attributes:
        id: 32 hexadecimal digits.
        requested_at: when.
        step: the one that every shard has reached, of `STEPS`.
        shards: every shard of every data set.
        certified: whether a certificate was issued.
    """

    id: str
    requested_at: datetime
    step: str
    shards: tuple[ErasedShard, ...]
    certified: bool

    @property
    def complete(self) -> bool:
        """Whether every shard has come to the end."""
        return self.step == STEPS[-1]

    @property
    def progress(self) -> float:
        """How much of all steps of all shards is done, from 0 to 1."""
        done = sum(STEPS.index(each.step) for each in self.shards)
        return done / ((len(STEPS) - 1) * len(self.shards)) if self.shards else 1.0

    def __str__(self) -> str:
        counts = Counter(each.step for each in self.shards)
        return ", ".join(f"{step} in {counts[step]} shards" for step in STEPS if counts[step])


@dataclass(frozen=True, slots=True)
class Certificate:
    """A signed certificate, as `sottovoce erasure verify` reads it.

    Attributes:
        json: the whole file.
        complete: whether every shard had come to the end when it was issued.
    """

    json: str
    complete: bool
