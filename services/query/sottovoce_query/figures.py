"""Figures with names, as they come through the gate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sottovoce.sketches import Estimate
from sottovoce.wire.v1 import query_pb2


@dataclass(frozen=True, slots=True, eq=False)
class Figures[Name: np.generic]:
    """Whole numbers by name, each once.

    Attributes:
        names: track or artist keys, country codes, places in a list.
        counts: int64, one for each name.
    """

    names: npt.NDArray[Name]
    counts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.names)

    def top(self, size: int) -> Figures[Name]:
        """Return the greatest above 0, the greatest first; equal ones by ascending name."""
        counts = self.counts
        if len(counts) > size:  # sort only what can be among them, ties included
            near = np.flatnonzero(counts >= np.partition(counts, -size)[-size])
        else:
            near = np.arange(len(counts))
        near = near[counts[near] > 0]
        best = near[np.lexsort((self.names[near], -counts[near]))][:size]
        return Figures(self.names[best], counts[best])


def sum_by_name[Name: np.generic](
    parts: list[tuple[npt.NDArray[Name], npt.NDArray[np.int64]]], dtype: type[Name]
) -> Figures[Name]:
    """Add up counts of the same name."""
    if not parts:
        return Figures(np.zeros(0, dtype), np.zeros(0, np.int64))
    # The parts are mostly sorted: a stable sort merges them, and places are looked up after it.
    every = np.sort(np.concatenate([names for names, _ in parts]), kind="stable")
    fresh = np.ones(len(every), np.bool_)
    fresh[1:] = every[1:] != every[:-1]
    names = every[fresh]
    sums = np.zeros(len(names), np.int64)
    for part, counts in parts:
        np.add.at(sums, np.searchsorted(names, part), counts)
    return Figures(names, sums)


def to_message(estimate: Estimate) -> query_pb2.Estimate:
    """Return an estimate as a message."""
    return query_pb2.Estimate(value=estimate.value, lower=estimate.lower, upper=estimate.upper)


def exact(value: float) -> query_pb2.Estimate:
    """Return a figure that is known, as a message."""
    return query_pb2.Estimate(value=value, lower=value, upper=value)
