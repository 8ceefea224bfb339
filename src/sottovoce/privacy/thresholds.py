"""Keys that are not public, released only where their noisy count reaches a threshold.

**Guarantee:** with discrete Laplace noise of scale s and L1 sensitivity C, releasing the keys that
occur and whose noisy count is at least tau is (C / s, delta)-DP,
delta = max(e^(C / s), C e^(1 / s)) e^(-tau / s) / (1 + e^(-1 / s)):
the chance that any of at most C keys that only one listener played comes out. `thin` reads released
figures alone and costs nothing.

**Source:** Korolova, Kenthapadi, Mishra & Ntoulas, "Releasing search queries and clicks privately",
WWW 2009, theorem 1; the bound is worked out in docs/privacy-mechanisms.md.
"""

import math
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sottovoce.privacy.errors import PrivacyParameterError
from sottovoce.privacy.exact import Exact, exactly, exp_above, exp_below
from sottovoce.privacy.mechanisms import Counts, Mechanism, Noise


def threshold_delta(noise: Noise, threshold: int) -> Fraction:
    """The chance that a key which only one listener played reaches a threshold, rounded up."""
    _check(noise)
    if threshold < noise.sensitivity:
        return Fraction(1)
    scale = Fraction(noise.scale)
    spread = noise.sensitivity * exp_above((1 - threshold) / scale)  # C keys of one listen each
    heap = exp_above((noise.sensitivity - threshold) / scale)  # one key of C listens
    return max(spread, heap) / (1 + exp_below(-1 / scale))


def threshold_for(noise: Noise, delta: Exact) -> int:
    """The least threshold whose delta is at most `delta`."""
    _check(noise)
    allowed = exactly("delta", delta)
    if not 0 < allowed < 1:
        raise PrivacyParameterError(f"delta must be between 0 and 1: {float(allowed)}")
    worst = max(noise.sensitivity / noise.scale, math.log(noise.sensitivity) + 1.0 / noise.scale)
    near = noise.scale * (worst - math.log(allowed) - math.log1p(math.exp(-1.0 / noise.scale)))
    threshold = max(noise.sensitivity, math.floor(near) - 1)
    while threshold_delta(noise, threshold) > allowed:
        threshold += 1
    return threshold


def release_above[Key: np.generic](
    keys: NDArray[Key], counts: ArrayLike, noise: Noise, threshold: int
) -> tuple[NDArray[Key], Counts]:
    """The keys that occur and reach the threshold with noise on their counts, and those counts.

    Args:
        keys: any keys, each once.
        counts: of each key; keys with 0 stay out, for that they are known is no secret here.
        noise: discrete Laplace.
        threshold: from `threshold_for` and the delta that is charged.
    """
    _check(noise)
    exact = np.asarray(counts, dtype=np.int64)
    occur = exact > 0
    return thin(keys[occur], noise.add(exact[occur]), threshold)


def thin[Key: np.generic](
    keys: NDArray[Key], noisy: Counts, threshold: int
) -> tuple[NDArray[Key], Counts]:
    """The keys whose released count reaches a threshold, and those counts."""
    kept = np.flatnonzero(noisy >= threshold)
    return keys[kept], noisy[kept]


def _check(noise: Noise) -> None:
    if noise.mechanism is not Mechanism.DISCRETE_LAPLACE:
        raise PrivacyParameterError(f"thresholds are known for Laplace noise: {noise.mechanism}")
