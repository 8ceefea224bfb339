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

UNIT: Final = 1 << 16
"""One, in units of the released integers."""

_SIZE: Final = len(FEATURES)
_PAIRS: Final = np.triu_indices(_SIZE)
LENGTH: Final = 1 + _SIZE + len(_PAIRS[0])
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
    products = scaled[:, _PAIRS[0]] * scaled[:, _PAIRS[1]]
    ones = np.ones((len(scaled), 1))
    return np.rint(UNIT * np.hstack([ones, scaled, products])).astype(np.int64)


def correlations(moments: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return Pearson's correlations from moments; NaN where a feature does not vary.

    Args:
        moments: (..., LENGTH).

    Returns:
        (..., features, features).
    """
    count = np.maximum(moments[..., :1], 1.0)
    means = moments[..., 1 : 1 + _SIZE] / count
    square = np.zeros((*moments.shape[:-1], _SIZE, _SIZE))
    square[..., _PAIRS[0], _PAIRS[1]] = moments[..., 1 + _SIZE :] / count
    square[..., _PAIRS[1], _PAIRS[0]] = square[..., _PAIRS[0], _PAIRS[1]]
    covariance = square - means[..., :, None] * means[..., None, :]
    variance = np.diagonal(covariance, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = np.sqrt(np.where(variance > 0, variance, np.nan))
        found = covariance / (deviation[..., :, None] * deviation[..., None, :])
    diagonal = np.arange(_SIZE)
    found[..., diagonal, diagonal] = np.where(np.isnan(deviation), np.nan, 1.0)
    return np.asarray(np.clip(found, -1.0, 1.0), dtype=np.float64)
