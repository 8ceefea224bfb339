"""An estimate and its bounds."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from sottovoce.sketches.errors import InvalidParameter


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the interval that holds the truth at the confidence it was asked for.

    Attributes:
        value: the best single figure.
        lower: the lower bound, at most `value`.
        upper: the upper bound, at least `value`; infinite where nothing bounds it.
    """

    value: float
    lower: float
    upper: float

    @classmethod
    def exact(cls, value: float) -> "Estimate":
        """An estimate that is no estimate: the value is known."""
        return cls(float(value), float(value), float(value))

    def contains(self, truth: float) -> bool:
        """Whether `truth` is within the bounds, both included."""
        return self.lower <= truth <= self.upper


def two_sided_deviate(confidence: float) -> float:
    """The z with P(-z <= Normal(0, 1) <= z) = confidence, for a confidence in (0, 1)."""
    if not 0.0 < confidence < 1.0 or math.isnan(confidence):
        raise InvalidParameter(f"confidence must be between 0 and 1, both excluded: {confidence}")
    return NormalDist().inv_cdf(0.5 + confidence / 2.0)


def float_below(number: int) -> float:
    """The greatest float that is not above an integer, which may be beyond 2^53."""
    near = float(number)
    return near if near <= number else math.nextafter(near, -math.inf)


def float_above(number: int) -> float:
    """The least float that is not below an integer, which may be beyond 2^53."""
    near = float(number)
    return near if near >= number else math.nextafter(near, math.inf)
