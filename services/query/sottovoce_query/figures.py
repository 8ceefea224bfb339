"""Figures with names as they come through the gate, and how far from the truth they may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from sottovoce.privacy import Noise, interval
from sottovoce.sketches import Estimate
from sottovoce.wire.v1 import query_pb2

CONFIDENCE: Final = 0.95
"""Of the intervals in answers."""
SURELY: Final = 0.9998
"""What is above the half-width of such noise was played: of 10,000 that were not, one seems so."""

type Noises = Mapping[Noise, int]
"""How many summands had which noise; empty for what is exact."""


def noisy_count(value: float, noises: Noises, confidence: float = CONFIDENCE) -> Estimate:
    """Return a sum of released counts with the interval of the true one, which is not negative."""
    return interval(value, noises, confidence) if noises else Estimate.exact(value)


@dataclass(frozen=True, slots=True, eq=False)
class Figures[Name: np.generic]:
    """Whole numbers by name, each once.

    Attributes:
        names: track or artist keys, country codes, places in a list; ascending.
        counts: int64, one for each name.
        noises: the noise in each of the counts.
        missing: how much more each count may be, because summands below a threshold were let go of.
    """

    names: npt.NDArray[Name]
    counts: npt.NDArray[np.int64]
    noises: Noises = field(default_factory=dict)
    missing: npt.NDArray[np.int64] | None = None

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
        return self.at(near[np.lexsort((self.names[near], -counts[near]))][:size])

    def above(self, threshold: int) -> Figures[Name]:
        """Return those whose count is above a threshold."""
        return self.at(np.flatnonzero(self.counts > threshold))

    def at(self, places: npt.NDArray[np.intp]) -> Figures[Name]:
        """Return those at some places."""
        missing = None if self.missing is None else self.missing[places]
        return replace(self, names=self.names[places], counts=self.counts[places], missing=missing)

    def estimates(self, confidence: float = CONFIDENCE) -> list[Estimate]:
        """Return each count with the interval that the truth lies in."""
        every = [noisy_count(count, self.noises, confidence) for count in self.counts.tolist()]
        if self.missing is None:
            return every
        return [
            replace(each, upper=each.upper + more)
            for each, more in zip(every, self.missing.tolist(), strict=True)
        ]


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
