"""Deny lists: listeners whose records count no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from sottovoce.erasure.pseudonyms import halves_of
from sottovoce.sketches import hash_keys
from sottovoce.sketches.key_rows import find_sorted
from sottovoce.wire.listens import Listens

type Numbers = npt.NDArray[np.int64]

NOBODY: Final = -1
"""The number of a listener who is not on the list."""


@dataclass(frozen=True, slots=True)
class DenyList:
    """Pseudonyms, numbered.

    Attributes:
        pseudonyms: 16 big-endian bytes each.
        through: every erasure that was requested at an offset of `erasures` below this, and is not
            done, is on the list.
    """

    pseudonyms: tuple[bytes, ...] = field(default=(), repr=False)
    through: int = 0
    _numbers: dict[tuple[int, int], int] = field(init=False, repr=False, compare=False)
    _highs: npt.NDArray[np.uint64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        numbers = {halves_of(each): number for number, each in enumerate(self.pseudonyms)}
        object.__setattr__(self, "_numbers", numbers)
        highs = np.array(sorted({high for high, _ in numbers}), np.uint64)
        object.__setattr__(self, "_highs", highs)

    @classmethod
    def of(cls, pseudonyms: Iterable[bytes], through: int = 0) -> Self:
        """Return the list of distinct pseudonyms, in the order given."""
        return cls(tuple(dict.fromkeys(pseudonyms)), through)

    def __len__(self) -> int:
        return len(self.pseudonyms)

    def hashes(self) -> npt.NDArray[np.uint64]:
        """Return the hash of each pseudonym, as the log index has it."""
        halves = np.array([halves_of(each) for each in self.pseudonyms], np.uint64).reshape(-1, 2)
        return hash_keys(halves[:, 0], halves[:, 1])[0]

    def numbers(self, listens: Listens) -> Numbers:
        """Return for each listen the number of its listener, `NOBODY` where it is not listed."""
        numbers = np.full(len(listens), NOBODY, np.int64)
        if not len(self) or not len(listens):
            return numbers
        high = np.ascontiguousarray(listens["listener_high"])
        if len(self._highs) == 1:
            alike = high == self._highs[0]
        else:
            _, alike = find_sorted(self._highs, high)
        few = np.flatnonzero(alike)
        find = self._numbers.get
        numbers[few] = [
            find(pair, NOBODY)
            for pair in zip(high[few].tolist(), listens["listener_low"][few].tolist(), strict=True)
        ]
        return numbers

    def holds(self, listens: Listens) -> npt.NDArray[np.bool_]:
        """Return for each listen whether its listener is on the list."""
        held: npt.NDArray[np.bool_] = self.numbers(listens) != NOBODY
        return held
