"""Where the truth lies behind a sum of noisy counts.

**Guarantee:** `half_width` is an h with P(|sum of the noises| <= h) >= confidence. For discrete
Laplace noise it is the least such h up to a total standard deviation of 2^15, above that at most
about a hundredth larger; for discrete Gaussian noise of scale 2 and more it is the Normal quantile
rounded up. A mixture of both takes half the risk each. Clipping an interval at 0 is
post-processing and loses no truth, for counts are not negative.

**Source:** Inusah & Kozubowski, "A discrete analogue of the Laplace distribution", J. Stat. Plan.
Inference 136 (2006), for the characteristic function that is inverted by FFT; Canonne, Kamath &
Steinke, NeurIPS 2020, for Gaussian tails, and Kairouz, Liu & Steinke, "The distributed discrete
Gaussian mechanism", ICML 2021, for their sums; the coarsening is proved in
docs/privacy-mechanisms.md.
"""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from sottovoce.privacy.errors import PrivacyParameterError
from sottovoce.privacy.mechanisms import Mechanism, Noise
from sottovoce.sketches.estimate import Estimate

_FINEST = 2.0**15
"""The standard deviation up to which a sum is computed on all integers."""
_REACH = 40.0
"""The grid is this many standard deviations wide: what lies beyond has probability below 1e-10."""
_ROUNDING = 1e-9
"""More than what lies beyond the grid and all floating-point errors of the transform."""
_COARSENING = 1e-6
"""The risk that coarsening takes more than is added for it."""
_SMALLEST_NORMAL_SCALE = 2.0


def half_width(parts: Mapping[Noise, int] | Iterable[Noise], confidence: float = 0.95) -> int:
    """How far a sum may be from the truth, at a confidence.

    Args:
        parts: the noise on each summand; or how many summands had which noise.
        confidence: between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise PrivacyParameterError(f"confidence must be between 0 and 1: {confidence}")
    counted: dict[tuple[Mechanism, float], int] = {}
    summands = parts.items() if isinstance(parts, Mapping) else ((noise, 1) for noise in parts)
    for noise, times in summands:
        if times < 0:
            raise PrivacyParameterError(f"a noise can't be summed {times} times")
        if times:
            kind = (noise.mechanism, noise.scale)
            counted[kind] = counted.get(kind, 0) + times
    laplace, gaussian = (
        tuple(sorted((scale, n) for (found, scale), n in counted.items() if found is mechanism))
        for mechanism in (Mechanism.DISCRETE_LAPLACE, Mechanism.DISCRETE_GAUSSIAN)
    )
    risk = 1.0 - confidence
    if laplace and gaussian:
        return _laplace(laplace, risk / 2.0) + _gaussian(gaussian, risk / 2.0)
    if laplace:
        return _laplace(laplace, risk)
    return _gaussian(gaussian, risk) if gaussian else 0


def interval(
    value: float, parts: Mapping[Noise, int] | Iterable[Noise], confidence: float = 0.95
) -> Estimate:
    """A sum of noisy counts with the bounds of the true sum; a count, so never below 0.

    Where noise made the sum negative, the upper bound is that of a sum of 0: no less true, and it
    still tells how much noise there is.
    """
    width = half_width(parts, confidence)
    return Estimate(max(0.0, value), max(0.0, value - width), max(0.0, value) + width)


@lru_cache(maxsize=1024)
def _laplace(parts: tuple[tuple[float, int], ...], risk: float) -> int:
    """The least h with P(|sum| > h) <= risk, or one a little larger where it was coarsened."""
    deviation = math.sqrt(sum(n * _variance(scale) for scale, n in parts))
    halvings = max(0, math.ceil(math.log2(max(deviation, 1.0) / _FINEST)))
    step = 1 << halvings
    added, left = 0, risk - _ROUNDING
    if halvings:
        summands = sum(n for _, n in parts)
        added = math.ceil(
            (step - 1) * min(summands, math.sqrt(2.0 * summands * math.log(2.0 / _COARSENING)))
        )
        left -= _COARSENING
    if left <= 0.0:
        raise PrivacyParameterError(f"a risk of {risk} is less than what can be computed")
    coarse = [(scale / step, n) for scale, n in parts]
    size = _transformable(max(64.0, _REACH * deviation / step))
    chance = np.fft.irfft(_characteristic(coarse, size), size)[: size // 2]  # of 0, 1, 2, ...
    # Of -h to h: all that is summed counts twice, but for 0.
    enough = np.cumsum(chance, out=chance) >= (1.0 - left + chance[0]) / 2.0
    least = int(enough.argmax())
    if not enough[least]:
        raise PrivacyParameterError(f"a risk of {risk} is less than what can be computed")
    return step * least + added


def _transformable(least: float) -> int:
    """The smallest size of a transform that is quick, and not far above what is needed."""
    return min(factor << math.ceil(math.log2(least / factor)) for factor in (2, 3, 5))


def _characteristic(parts: Iterable[tuple[float, int]], size: int) -> npt.NDArray[np.float64]:
    """The characteristic function of a sum at half of `size` angles; in place, for it is large."""
    squares = np.arange(size // 2 + 1, dtype=np.float64)
    squares *= np.pi / size
    np.square(np.sin(squares, out=squares), out=squares)
    logarithm, term = np.zeros(len(squares)), np.empty(len(squares))
    for scale, n in parts:
        stay, leave = math.exp(-1.0 / scale), -math.expm1(-1.0 / scale)
        np.log1p(np.multiply(squares, 4.0 * stay / leave**2, out=term), out=term)
        term *= n
        logarithm -= term
    return np.exp(logarithm, out=logarithm)


def _gaussian(parts: tuple[tuple[float, int], ...], risk: float) -> int:
    deviation = math.sqrt(sum(n * scale**2 for scale, n in parts))
    if parts[0][0] >= _SMALLEST_NORMAL_SCALE:
        deviate = NormalDist().inv_cdf(1.0 - (risk - risk * _ROUNDING) / 2.0)
    else:  # sub-Gaussian at any scale
        deviate = math.sqrt(2.0 * math.log(2.0 / risk))
    return math.ceil(deviate * deviation)


def _variance(scale: float) -> float:
    half = 0.5 / scale
    return 0.0 if half > 300.0 else 0.5 / math.sinh(half) ** 2
