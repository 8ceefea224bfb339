"""From the level occupancies of a Flajolet-Martin sketch, noisy or not, to a number of items.

Each of n items sets bit j of one of m buckets with probability pi_j = 2^-(j+1) / m. Level j has
o_j of its m bits set, with mean m p_j, p_j = 1 - (1 - pi_j)^n, and covariance D - n u u', where
D = diag(m p_j (1 - p_j) + noise variance) and u_j = d(m p_j)/dn. The estimate is the root of the
quasi-score u' D^-1 (o - m p), which without noise is the score of the binomial likelihood. Its
variance is a (1 - n a), a = u' D^-1 u; the bounds are where the score test rejects.

**Guarantee:** without noise, root-mean-square relative error near 0.65 / sqrt(m) for n >> m and
less below; for n << sqrt(m) the estimate is exact but for collisions. With noise, see the
docstring of `estimate_from_occupancy`.

**Source:** Flajolet & Martin, "Probabilistic counting algorithms for data base applications",
JCSS 31 (1985), for the sketch; Wedderburn, "Quasi-likelihood functions, generalized linear models,
and the Gauss-Newton method", Biometrika 61 (1974), for the estimator.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sottovoce.sketches.errors import InvalidParameter
from sottovoce.sketches.estimate import Estimate, two_sided_deviate

type Floats = NDArray[np.float64]

_ROUNDING = 1e-3
"""Bounds are rounded outward to whole items; this much of one is not worth an item."""


def estimate_from_occupancy(
    occupancy: ArrayLike, buckets: int, noise_variance: float = 0.0, confidence: float = 0.95
) -> Estimate:
    """The number of distinct items behind level occupancies.

    Args:
        occupancy: how many of the buckets have level j set, for j = 0, 1, ...; with noise these
            may be negative or above `buckets`.
        buckets: m, the buckets of the sketch.
        noise_variance: the variance of the noise that was added to each occupancy, 0 for none.
            For (discrete) Laplace noise of scale b it is 2 b^2.
        confidence: how often the bounds hold the truth.

    Returns:
        The estimate; the bounds are whole numbers, and the upper one is infinite where every level
        is full.
    """
    observed = np.asarray(occupancy, dtype=np.float64)
    if observed.ndim != 1 or len(observed) == 0 or not np.isfinite(observed).all():
        raise InvalidParameter("occupancy must be a vector of at least one finite number")
    if buckets < 1 or not noise_variance >= 0.0 or math.isinf(noise_variance):
        raise InvalidParameter(
            f"buckets must be positive and the noise variance finite and not negative: "
            f"{buckets}, {noise_variance}"
        )
    deviate = two_sided_deviate(confidence)
    if noise_variance == 0.0:
        if not observed.any():
            return Estimate.exact(0.0)
        if (observed >= buckets).all():
            return Estimate(math.inf, 0.0, math.inf)
    model = _Model(observed, buckets, noise_variance)
    octaves = np.arange(-8, 4 * (len(observed) + math.log2(buckets) + 2)) / 4.0
    grid = np.exp2(octaves)
    score, deviation = model.evaluate(grid)
    best = _root(model, grid, score)
    above = np.flatnonzero((grid > best) & (deviation < -deviate))
    below = np.flatnonzero((grid < best) & (deviation > deviate))
    lower, upper = 0.0, math.inf
    if len(above):
        upper = _crossing(lambda n: model.evaluate(n)[1] + deviate, best, grid[above[0]])
    if len(below):
        lower = _crossing(lambda n: model.evaluate(n)[1] - deviate, grid[below[-1]], best)
    if noise_variance == 0.0:  # every set bit was set by an item of its own
        lower = max(lower, observed.max())
    lower = min(best, max(0.0, float(np.floor(lower + _ROUNDING))))
    return Estimate(best, lower, max(best, float(np.ceil(upper - _ROUNDING))))


class _Model:
    """The quasi-score of the observed occupancies at many numbers of items at once."""

    def __init__(self, observed: Floats, buckets: int, noise_variance: float) -> None:
        self._observed = observed
        self._buckets = float(buckets)
        self._noise = noise_variance
        self._chance = np.exp2(-np.arange(1.0, len(observed) + 1)) / buckets

    def evaluate(self, items: Floats) -> tuple[Floats, Floats]:
        """The score, and the score over its standard deviation, for each number of items."""
        exponent = items[:, None] * np.log1p(-self._chance)
        unset, filled = np.exp(exponent), -np.expm1(exponent)
        slope = self._buckets * self._chance * unset
        residual = self._observed - self._buckets * filled
        if self._noise:
            variance = self._buckets * filled * unset + self._noise
            weight = slope / variance
        else:
            weight = self._chance / filled
        score = (weight * residual).sum(axis=1)
        information = (weight * slope).sum(axis=1)
        spread = information * np.maximum(1.0 - items * information, 1e-15)
        return score, score / np.sqrt(np.maximum(spread, 1e-300))


def _root(model: _Model, grid: Floats, score: Floats) -> float:
    """The maximum of the quasi-likelihood, the integral of the score; 0 where it only falls."""
    steps = np.diff(grid) * (score[1:] + score[:-1]) / 2.0
    climb = np.concatenate(([score[0] * grid[0]], score[0] * grid[0] + np.cumsum(steps)))
    top = int(np.argmax(climb))
    if climb[top] <= 0.0:
        return 0.0
    if score[top] > 0.0:
        low, high = grid[top], grid[min(top + 1, len(grid) - 1)]
    else:
        low, high = (grid[top - 1] if top else grid[0] / 2.0), grid[top]
    return _crossing(lambda n: model.evaluate(n)[0], low, high)


def _crossing(falling: Callable[[Floats], Floats], low: float, high: float) -> float:
    """Where a function that is positive at `low` and negative at `high` crosses zero."""
    for _ in range(6):
        points = np.linspace(low, high, 34)
        values = falling(points)
        negative = np.flatnonzero(values[1:-1] < 0.0)
        end = int(negative[0]) + 1 if len(negative) else len(points) - 1
        low, high = float(points[end - 1]), float(points[end])
        if high - low <= 1e-12 * high:
            break
    return (low + high) / 2.0
