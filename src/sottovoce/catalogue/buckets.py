"""The buckets of a SimHash index: which tracks lie on the same sides of random planes."""

import math

import numpy as np
from numpy.typing import NDArray

_BLOCK = 4096
"""Tracks whose bits are made at once; it bounds the memory."""


def chance_of_sharing(similarity: float, bands: int, rows: int) -> float:
    """The probability, over the planes, that two tracks of this cosine share a bucket."""
    angle = math.acos(min(1.0, max(-1.0, similarity)))
    return float(1 - (1 - (1 - angle / math.pi) ** rows) ** bands)


class Buckets:
    """Tracks by the bits that their directions have in each band. Immutable.

    Args:
        features: (n, d) floats, nan where unknown.
        bands: How many bands, each with a bucket for every track.
        rows: Bits, that is planes, in a band.
        seed: Chooses the planes.

    Attributes:
        directions: (n, d) float32, the standardised features scaled to length 1; a track that
            is average in everything has length 0.
    """

    __slots__ = (
        "_bands",
        "_code_type",
        "_codes",
        "_mean",
        "_order",
        "_planes",
        "_rows",
        "_scale",
        "directions",
    )

    def __init__(self, features: NDArray[np.float32], bands: int, rows: int, seed: int) -> None:
        self._bands, self._rows = bands, rows
        self._mean, self._scale = _standard(features)
        self.directions = self._directions(features)
        dimensions = features.shape[1]
        generator = np.random.default_rng([seed, bands, rows, dimensions])
        self._planes = generator.standard_normal((bands * rows, dimensions), dtype=np.float32)
        self._code_type = np.uint16 if rows <= 16 else np.uint32
        codes = self._codes_of(self.directions)
        self._order = np.argsort(codes, axis=1, kind="stable").astype(np.int32)
        self._codes = np.take_along_axis(codes, self._order, axis=1)

    def direction_of(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The direction of one track, in the index or not."""
        directions: NDArray[np.float32] = self._directions(features[np.newaxis])
        return directions.reshape(-1)

    def sharing(self, direction: NDArray[np.float32]) -> NDArray[np.int64]:
        """The places of the tracks that share a bucket with a direction, ascending."""
        codes = self._codes_of(direction[np.newaxis])[:, 0]
        found = [
            order[np.searchsorted(own, code, "left") : np.searchsorted(own, code, "right")]
            for own, order, code in zip(self._codes, self._order, codes, strict=True)
        ]
        shared = np.zeros(len(self.directions), dtype=np.bool_)
        shared[np.concatenate(found)] = True
        return np.flatnonzero(shared)

    def _directions(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        standard = (features.astype(np.float64) - self._mean) * self._scale
        standard[np.isnan(standard)] = 0
        length = np.sqrt((standard * standard).sum(axis=1, keepdims=True))
        length[length == 0] = 1
        directions: NDArray[np.float32] = (standard / length).astype(np.float32)
        return directions

    def _codes_of(self, directions: NDArray[np.float32]) -> NDArray[np.unsignedinteger]:
        """(bands, n): the bits of each direction in each band as one number."""
        place_values = 2.0 ** np.arange(self._rows)
        codes = np.empty((self._bands, len(directions)), self._code_type)
        for start in range(0, len(directions), _BLOCK):
            block = directions[start : start + _BLOCK]
            sides = (block @ self._planes.T > 0).reshape(len(block), self._bands, self._rows)
            codes[:, start : start + _BLOCK] = (sides @ place_values).T  # exact: below 2^32
        return codes


def _standard(features: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and 1 / deviation of each feature over its known values; 0 where nothing deviates."""
    known = ~np.isnan(features)
    count = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, features, 0).astype(np.float64)
    mean = values.sum(axis=0) / count
    deviation = np.sqrt((np.where(known, values - mean, 0) ** 2).sum(axis=0) / count)
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    return mean, scale
