"""Exact discrete noise over integer vectors: the only place where randomness protects anybody.

The noise is drawn by OpenDP from exact rational arithmetic and the operating system's generator:
no floating-point noise (Mironov, CCS 2012), no seed. A `Noise` is made before it is known what it
will be added to; a series that is charged once per slice adds the same `Noise` to each pane.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from opendp.domains import atom_domain, vector_domain
from opendp.measurements import make_gaussian, make_laplace
from opendp.metrics import l1_distance, l2_distance
from opendp.mod import Measurement, enable_features

from sottovoce.privacy.accounting import Charge
from sottovoce.privacy.errors import PrivacyParameterError
from sottovoce.privacy.exact import Exact, exactly, float_above, float_below, root_above

type Counts = NDArray[np.int64]

_LARGEST_SCALE = 2.0**40
_LARGEST_SENSITIVITY = 2**64 - 1
"""What the ledger's records hold."""
_VANISHING = 300.0
"""Half of 1 / scale beyond which no noise is ever drawn, as doubles see it."""
_LARGEST_COUNT = 2**62
"""Counts beyond it could reach the ends of 64 bits, where OpenDP saturates."""


class Mechanism(StrEnum):
    """How noise is distributed."""

    DISCRETE_LAPLACE = "discrete-laplace"
    DISCRETE_GAUSSIAN = "discrete-gaussian"


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise of known distribution, for vectors of known sensitivity; also its own description.

    **Guarantee:** discrete Laplace, P(z) proportional to e^(-|z| / scale): a vector of L1
    sensitivity s is released with pure epsilon = s / scale. Discrete Gaussian, P(z) proportional to
    e^(-z^2 / (2 scale^2)): a vector of squared L2 sensitivity s is released with
    rho = s / (2 scale^2). The scale is rounded up and the charge is that of the scale so rounded.

    **Source:** Ghosh, Roughgarden & Sundararajan, "Universally utility-maximizing privacy
    mechanisms", STOC 2009 (discrete Laplace); Canonne, Kamath & Steinke, "The discrete Gaussian
    for differential privacy", NeurIPS 2020 (discrete Gaussian; section 5, both samplers).

    Attributes:
        mechanism: the distribution.
        scale: its scale; for the Gaussian its sigma.
        sensitivity: by how much one listener's slice can change the vector, over all the vectors
            that are charged as one: in L1, for the Gaussian in squared L2. An integer.
    """

    mechanism: Mechanism
    scale: float
    sensitivity: int

    def __post_init__(self) -> None:
        if _at_least_one(self.sensitivity) > _LARGEST_SENSITIVITY:
            raise PrivacyParameterError(
                f"a sensitivity of {self.sensitivity:.1e} is beyond 64 bits: bound it more tightly"
            )
        if not 0.0 < self.scale <= _LARGEST_SCALE:
            raise PrivacyParameterError(
                f"a scale of {self.scale} is not above 0 and at most 2^40: "
                "give more of the budget, or bound the sensitivity"
            )

    @classmethod
    def laplace(cls, epsilon: Exact, sensitivity: int) -> Self:
        """Discrete Laplace noise with pure epsilon, for an L1 sensitivity."""
        share = _positive("epsilon", epsilon)
        return cls(
            Mechanism.DISCRETE_LAPLACE, float_above(_at_least_one(sensitivity) / share), sensitivity
        )

    @classmethod
    def gaussian(cls, rho: Exact, squared_sensitivity: int) -> Self:
        """Discrete Gaussian noise with rho-zCDP, for a squared L2 sensitivity."""
        share = _positive("rho", rho)
        scale = root_above(_at_least_one(squared_sensitivity) / (2 * share))
        return cls(Mechanism.DISCRETE_GAUSSIAN, scale, squared_sensitivity)

    @property
    def charge(self) -> Charge:
        """What a release with it costs; every figure of it is a double."""
        scale = Fraction(self.scale)
        if self.mechanism is Mechanism.DISCRETE_LAPLACE:
            return Charge.pure(self.sensitivity / scale)
        return Charge.concentrated(self.sensitivity / (2 * scale**2))

    @property
    def variance(self) -> float:
        """The variance of the noise: of the Gaussian that of the continuous one, never less."""
        if self.mechanism is Mechanism.DISCRETE_GAUSSIAN:
            return self.scale**2
        half = 0.5 / self.scale
        return 0.0 if half > _VANISHING else float(0.5 / np.sinh(half) ** 2)

    def add(self, counts: ArrayLike) -> Counts:
        """A vector of integers with fresh noise on each; the same question twice draws twice.

        Raises:
            PrivacyParameterError: `counts` is no vector of integers, or one is beyond 2^62.
        """
        exact = np.asarray(counts)
        if exact.ndim != 1 or (exact.size and exact.dtype.kind not in "iu"):
            raise PrivacyParameterError(
                f"noise is added to a vector of integers, not to {exact.dtype} {exact.shape}"
            )
        if exact.size == 0:
            return np.zeros(0, dtype=np.int64)
        if int(exact.max()) > _LARGEST_COUNT or int(exact.min()) < -_LARGEST_COUNT:
            raise PrivacyParameterError("a count is beyond 2^62: noise could overflow")
        measure = self._measurement()
        return np.array(measure(np.ascontiguousarray(exact, dtype=np.int64)), dtype=np.int64)

    def _measurement(self) -> Measurement:
        enable_features("contrib")
        domain = vector_domain(atom_domain(T="i64"))
        if self.mechanism is Mechanism.DISCRETE_LAPLACE:
            return make_laplace(domain, l1_distance(T="i64"), scale=self.scale)
        return make_gaussian(domain, l2_distance(T="f64"), scale=self.scale)


def _at_least_one(sensitivity: int) -> int:
    if sensitivity < 1:
        raise PrivacyParameterError(f"sensitivity must be at least 1: {sensitivity}")
    return sensitivity


def _positive(name: str, value: Exact) -> Fraction:
    """The greatest double that is not above a positive number, so that charges add up exactly."""
    share = Fraction(float_below(exactly(name, value)))
    if share <= 0:
        raise PrivacyParameterError(f"{name} must be positive: {float(share)}")
    return share
