"""Exact rationals and directed rounding: no rounding ever favours who spends.

Every figure of a budget is a rational. What leaves the rationals (a logarithm, a square root, a
double on the wire) is rounded in the direction that the caller names.
"""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from fractions import Fraction

from sottovoce.privacy.errors import PrivacyParameterError

type Exact = int | float | Fraction

_UP = Context(prec=60, rounding=ROUND_CEILING)
_DOWN = Context(prec=60, rounding=ROUND_FLOOR)
_MARGIN = Fraction(1, 10**50)
"""Decimal logarithms are right in 60 digits; this much is more than their rounding."""


def exactly(name: str, value: Exact) -> Fraction:
    """The rational that a number is; `name` says what it is should it not be finite."""
    if isinstance(value, float) and not math.isfinite(value):
        raise PrivacyParameterError(f"{name} must be finite: {value}")
    return Fraction(value)


def float_above(value: Fraction) -> float:
    """The least double that is not below a rational."""
    near = float(value)
    return near if Fraction(near) >= value else math.nextafter(near, math.inf)


def float_below(value: Fraction) -> float:
    """The greatest double that is not above a rational."""
    near = float(value)
    return near if Fraction(near) <= value else math.nextafter(near, -math.inf)


def root_above(value: Fraction) -> float:
    """A double that is not below the square root of a rational, and at most an ulp too large."""
    near = math.sqrt(float_above(value))
    while Fraction(near) ** 2 < value:
        near = math.nextafter(near, math.inf)
    return near


def log_above(value: Fraction) -> Fraction:
    """A rational that is not below ln(value), and within 1e-49 of it, relatively and absolutely."""
    decimal = _UP.divide(value.numerator, value.denominator)
    logarithm = Fraction(_UP.ln(decimal))
    return logarithm + (abs(logarithm) + 1) * _MARGIN


def exp_above(value: Fraction) -> Fraction:
    """A rational that is not below e^value, and within 1e-49 of it, relatively."""
    decimal = _UP.divide(value.numerator, value.denominator)
    return Fraction(_UP.exp(decimal)) * (1 + _MARGIN)


def exp_below(value: Fraction) -> Fraction:
    """A rational that is not above e^value, and within 1e-49 of it, relatively."""
    decimal = _DOWN.divide(value.numerator, value.denominator)
    return Fraction(_DOWN.exp(decimal)) * (1 - _MARGIN)
