"""A uniform sample of distinct items that does not depend on their order."""

import math
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sottovoce.sketches.errors import InvalidParameter
from sottovoce.sketches.estimate import Estimate, two_sided_deviate
from sottovoce.sketches.hashing import Words, hash_items
from sottovoce.sketches.integers import decode_number, encode_number
from sottovoce.sketches.items import Items, ItemsLike
from sottovoce.sketches.sketch import Sketch

_MAX_K = 1 << 24


class BottomKSample(Sketch):
    """Keeps the k distinct items whose 128-bit ranks are the smallest, each with a payload.

    A rank is the item's hash, or any uniform number that nobody can choose, such as an event id.
    A reservoir in which every merge tree and every order gives the same sample.

    **Guarantee:** every set of k of the distinct items is equally likely. The number of distinct
    items is (k - 1) / u_k, u_k the k-th smallest rank as a fraction, with relative standard error
    1 / sqrt(k - 2); exact while there are fewer than k.

    **Source:** Cohen & Kaplan, "Summarizing data using bottom-k sketches", PODC 2007; the estimate
    is that of Bar-Yossef et al., "Counting distinct elements in a data stream", RANDOM 2002.

    Args:
        k: the size of the sample.

    >>> sample = BottomKSample(k=2)
    >>> sample.update(["ann", "bob", "ann"])
    >>> sorted(sample.payloads)
    [b'ann', b'bob']
    """

    KIND = 3
    __slots__ = ("_entries", "_k")

    def __init__(self, k: int = 64) -> None:
        if not 1 <= k <= _MAX_K:
            raise InvalidParameter(f"k must be from 1 to {_MAX_K}: {k}")
        self._k = k
        self._entries: list[tuple[int, bytes]] = []  # (rank, payload), ascending, ranks distinct

    @property
    def k(self) -> int:
        """The size of the sample."""
        return self._k

    @property
    def payloads(self) -> list[bytes]:
        """The sampled payloads, by ascending rank."""
        return [payload for _, payload in self._entries]

    @property
    def ranks(self) -> list[int]:
        """The ranks of the sample, ascending, as integers below 2^128."""
        return [rank for rank, _ in self._entries]

    def __len__(self) -> int:
        return len(self._entries)

    def update(self, items: ItemsLike) -> None:
        """Adds items of any form that `sottovoce.sketches.items` lists; payload is the item."""
        read = Items.read(items)
        high, low = hash_items(read)
        self._add(high, low, read)

    def add(
        self, ranks_high: Words, ranks_low: Words, payloads: Sequence[bytes] | NDArray[np.uint8]
    ) -> None:
        """Adds payloads with ranks of their own.

        Of two payloads with one rank the smaller stays, whichever came first.

        Args:
            ranks_high: the upper 64 bits of the ranks, uint64.
            ranks_low: the lower 64 bits.
            payloads: one each, as a list or as the rows of an (n, width) matrix.
        """
        high = np.asarray(ranks_high, dtype=np.uint64)
        low = np.asarray(ranks_low, dtype=np.uint64)
        if not len(high) == len(low) == len(payloads):
            raise InvalidParameter(
                f"{len(high)} and {len(low)} halves of ranks for {len(payloads)} payloads"
            )
        self._add(high, low, payloads)

    def _add(
        self, high: Words, low: Words, payloads: Items | Sequence[bytes] | NDArray[np.uint8]
    ) -> None:
        if len(self._entries) == self._k:
            candidates = np.flatnonzero(high <= np.uint64(self._entries[-1][0] >> 64))
        else:
            candidates = np.arange(len(high))
        wanted = 4 * self._k
        while len(candidates) > wanted:
            # Only the k smallest distinct upper halves can matter; all that share one stay in.
            upper_halves = high[candidates]
            distinct = np.unique(np.partition(upper_halves, wanted)[:wanted])
            if len(distinct) >= self._k:
                candidates = candidates[upper_halves <= distinct[self._k - 1]]
                break
            wanted *= 8
        highs, lows = high[candidates].tolist(), low[candidates].tolist()
        fresh: dict[int, bytes] = {}
        for index, upper, lower in zip(candidates.tolist(), highs, lows, strict=True):
            rank, payload = upper << 64 | lower, bytes(payloads[index])
            known = fresh.get(rank)
            fresh[rank] = payload if known is None else min(known, payload)
        self._take(fresh)

    def _take(self, fresh: dict[int, bytes]) -> None:
        if not fresh:
            return
        for rank, payload in self._entries:
            known = fresh.get(rank)
            fresh[rank] = payload if known is None else min(known, payload)
        self._entries = sorted(fresh.items())[: self._k]

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """The number of distinct items; the bounds are quantiles of the k-th rank's Gamma law."""
        size = len(self._entries)
        if size < self._k:
            return Estimate.exact(size)
        deviate = two_sided_deviate(confidence)
        fraction = (self._entries[-1][0] + 1) / 2.0**128
        value = max(float(size), (size - 1) / fraction)
        lower, upper = (_gamma_quantile(size, z) / fraction for z in (-deviate, deviate))
        return Estimate(value, min(value, max(float(size), lower)), max(value, upper))

    def payload(self) -> bytes:
        """k, the size, then (rank, length, payload) by ascending rank."""
        parts = [encode_number(self._k), encode_number(len(self._entries))]
        for rank, payload in self._entries:
            parts += [rank.to_bytes(16, "big"), encode_number(len(payload)), payload]
        return b"".join(parts)

    @classmethod
    def _restore(cls, body: bytes) -> Self:
        k, offset = decode_number(body, 0)
        size, offset = decode_number(body, offset)
        sketch = cls(k)
        for _ in range(size):
            rank = int.from_bytes(body[offset : offset + 16], "big")
            length, offset = decode_number(body, offset + 16)
            sketch._entries.append((rank, body[offset : offset + length]))
            offset += length
        if offset != len(body):
            raise ValueError(f"{len(body)} bytes where {offset} should stand")
        return sketch

    def _parameters(self) -> dict[str, object]:
        return {"k": self._k}

    def _merge(self, other: Self) -> None:
        self._take(dict(other._entries))


def _gamma_quantile(shape: int, deviate: float) -> float:
    """The quantile of Gamma(shape, 1) at a normal deviate (Wilson & Hilferty, PNAS 17, 1931)."""
    ninth = 1.0 / (9.0 * shape)
    root = max(0.0, 1.0 - ninth + deviate * math.sqrt(ninth))
    return shape * root * root * root
