"""Audio features as bounded integers: what a listen adds to the moments that are released.

Each feature is centred and scaled by figures of the catalogue, which is public, so that the vector
x of a track's features has a norm of at most 1: longer ones are shortened to it. A listen adds
(1, x, the products x_i x_j with i <= j), each rounded to 1 / UNIT.

**Guarantee:** the squared norm of what a listen adds is at most `squared_norm()` in units: 1 for
the count, 1 for x, 1 for the products (of which each mixed one stands once), and the rounding.

**Source:** the sums are the sufficient statistics of Pearson's correlation; norms bounded by
clipping as in Abadi et al., "Deep learning with differential privacy", CCS 2016, section 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import FEATURES, UNKNOWN, Catalogue

UNIT: Final = 1 << 14
"""One, in units of the released integers: what rounding does is less than what noise does."""

_SIZE: Final = len(FEATURES)
PAIRS: Final = np.triu_indices(_SIZE)
"""Places of the products among the moments."""
LENGTH: Final = 1 + _SIZE + len(PAIRS[0])
"""How many integers are released."""

_LONGEST: Final = 0.999
"""Of the catalogue's tracks, this part is not shortened."""


def squared_norm() -> int:
    """Return the greatest squared norm of what one listen adds, in units.

    Rounding moves each coordinate by at most a half.
    """
    return math.ceil((math.sqrt(3) * UNIT + math.sqrt(LENGTH) / 2) ** 2)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureVectors:
    """What each track of a catalogue adds.

    Attributes:
        units: int64 (tracks, LENGTH); zeros where a feature is unknown.
        known: which tracks have all features.
    """

    units: npt.NDArray[np.int64]
    known: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, catalogue: Catalogue) -> FeatureVectors:
        """Work them out."""
        features = catalogue.features.astype(np.float64)
        known = np.isfinite(features).all(axis=1)
        units = np.zeros((len(catalogue), LENGTH), np.int64)
        if known.any():
            units[known] = _units(features[known])
        return cls(units, known)

    def sums(
        self, catalogue: Catalogue, keys: npt.NDArray[np.uint64], plays: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Return what plays add up to; tracks that the catalogue lacks add nothing."""
        rows = catalogue.rows(keys)
        inside = rows != UNKNOWN
        return np.asarray(plays[inside] @ self.units[rows[inside]], dtype=np.int64)


def _units(features: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    norms = np.linalg.norm(scaled, axis=1)
    longest = float(np.quantile(norms, _LONGEST, method="higher")) or 1.0
    scaled /= np.maximum(norms, longest)[:, None]
    products = scaled[:, PAIRS[0]] * scaled[:, PAIRS[1]]
    ones = np.ones((len(scaled), 1))
    return np.rint(UNIT * np.hstack([ones, scaled, products])).astype(np.int64)
