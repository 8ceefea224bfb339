"""Correlations of audio features, and how far noise may have moved them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import FEATURES
from sottovoce.sketches import Estimate
from sottovoce.sketches.estimate import two_sided_deviate
from sottovoce_query.releases.features import PAIRS

type Floats = npt.NDArray[np.float64]

_SIZE = len(FEATURES)


def correlations(moments: Floats, variance: float, confidence: float) -> list[Estimate]:
    """Return Pearson's correlations, row by row.

    The correlation r of two features is where C - r D = 0, C their covariance and D the product of
    their deviations. Its interval has every r for which C - r D is no further from 0 than noise
    brings it. Where noise may have made all of D, that is every r from -1 to 1.

    **Guarantee:** holds the true correlation with the confidence asked for, up to what the moments'
    products of two noises change: in simulations at every size of the noise within half a percent.

    **Source:** Fieller, "Some problems in interval estimation", JRSS B 16 (1954); the deviation of
    C - r D by the delta method.

    Args:
        moments: released sums, as `FeatureVectors` has them, noise on each.
        variance: of the noise.
        confidence: of the intervals.

    Returns:
        Estimates; 0 within -1 to 1 where noise hides a variance, 1 of a feature with itself.
    """
    pairs = {
        (int(first), int(second)): estimate
        for first, second, estimate in zip(
            *np.triu_indices(_SIZE),
            _of_pairs(moments, variance, two_sided_deviate(confidence)),
            strict=True,
        )
    }
    return [
        pairs[min(first, second), max(first, second)]
        for first in range(_SIZE)
        for second in range(_SIZE)
    ]


def _of_pairs(moments: Floats, variance: float, deviate: float) -> list[Estimate]:
    """Return the estimate of each pair of features, first <= second."""
    count, sums = moments[0], moments[1 : 1 + _SIZE]
    products = np.zeros((_SIZE, _SIZE))
    products[PAIRS] = products[PAIRS[::-1]] = moments[1 + _SIZE :]
    covariance = count * products - np.outer(sums, sums)  # times count squared
    first, second = np.triu_indices(_SIZE)
    one, other, both = (
        covariance[at] for at in ((first, first), (second, second), (first, second))
    )
    known = (one > 0) & (other > 0)
    spread = np.sqrt(np.where(known, one * other, 1.0))

    # Each of the six moments that a pair rests on, and how it moves C and D.
    none, counts = np.zeros(len(first)), np.full(len(first), count)
    products_of = (products[first, second], products[first, first], products[second, second])
    of_both = np.stack([products_of[0], -sums[second], -sums[first], counts, none, none])
    of_one = np.stack([products_of[1], -2 * sums[first], none, none, counts, none])
    of_other = np.stack([products_of[2], none, -2 * sums[second], none, none, counts])
    of_spread = (other * of_one + one * of_other) / (2 * spread)

    # (C - r D)^2 <= deviate^2 variance |of_both - r of_spread|^2, a quadratic inequality in r.
    noise = deviate**2 * variance
    square = spread**2 - noise * (of_spread**2).sum(axis=0)
    linear = both * spread - noise * (of_both * of_spread).sum(axis=0)
    constant = both**2 - noise * (of_both**2).sum(axis=0)
    bounded = known & (square > 0)
    root = np.sqrt(np.maximum(linear**2 - square * constant, 0.0))
    square = np.where(bounded, square, 1.0)
    value = np.where(known, np.clip(both / spread, -1.0, 1.0), 0.0)
    lower = np.where(bounded, np.clip((linear - root) / square, -1.0, 1.0), -1.0)
    upper = np.where(bounded, np.clip((linear + root) / square, -1.0, 1.0), 1.0)
    return [
        Estimate.exact(1.0) if itself else Estimate(best, min(low, best), max(high, best))
        for itself, best, low, high in zip(
            *((first == second).tolist(), value.tolist(), lower.tolist(), upper.tolist()),
            strict=True,
        )
    ]
