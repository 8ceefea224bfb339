"""What a release costs, what may be spent, and what the sum of it means.

A charge says what a mechanism guarantees: pure epsilon where it has one, rho of zero-concentrated
differential privacy (zCDP), and the delta of a threshold. Charges add up. A budget
(epsilon, delta) is kept by one linear rule, whose order alpha is fixed with the budget:

    sum over charges of min(epsilon_i, alpha rho_i)  <=  epsilon - overhead(alpha, delta / 2)
    sum over charges of delta_i                      <=  delta / 2

With alpha at its optimum and every charge concentrated this is exactly the zCDP rule
sum rho <= rho(epsilon, delta); where few pure releases share a budget it lets far more through, and
without an order it is the plain sum of epsilons.

**Guarantee:** whatever is asked, in whatever order, each question chosen after the answers before:
the releases together are (epsilon, delta)-DP, as long as the rule held after each. The proof is in
docs/privacy-mechanisms.md. All figures are rationals; logarithms are rounded against the spender.

**Source:** Bun & Steinke, "Concentrated differential privacy", TCC 2016, proposition 1.4 (pure
epsilon is epsilon^2 / 2 zCDP) and lemma 1.7 (composition); Canonne, Kamath & Steinke, "The discrete
Gaussian for differential privacy", NeurIPS 2020, proposition 12 (conversion);
Whitehouse, Ramdas, Rogers & Wu, "Fully-adaptive composition in differential privacy", ICML 2023
(questions that depend on answers).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Self

from sottovoce.privacy.errors import PrivacyParameterError
from sottovoce.privacy.exact import Exact, exactly, float_above, float_below, log_above


@dataclass(frozen=True, slots=True)
class Charge:
    """What one release guarantees at most to give away about a listener's slice.

    Attributes:
        rho: of zCDP.
        delta: the probability with which rho and epsilon may fail; 0 but for thresholds.
        epsilon: of pure differential privacy, None for what is only concentrated.
    """

    rho: Fraction
    delta: Fraction = Fraction(0)
    epsilon: Fraction | None = None

    def __post_init__(self) -> None:
        if self.rho < 0 or not 0 <= self.delta < 1 or (self.epsilon or 0) < 0:
            raise PrivacyParameterError(
                f"a charge can't be negative, and its delta is below 1: {self}"
            )

    @classmethod
    def pure(cls, epsilon: Exact, delta: Exact = 0) -> Self:
        """The charge of epsilon-DP: rho = epsilon^2 / 2, rounded up to a double."""
        whole = exactly("epsilon", epsilon)
        rho = Fraction(float_above(whole**2 / 2))
        return cls(rho, exactly("delta", delta), Fraction(float_above(whole)))

    @classmethod
    def concentrated(cls, rho: Exact, delta: Exact = 0) -> Self:
        """The charge of rho-zCDP, rounded up to a double."""
        return cls(Fraction(float_above(exactly("rho", rho))), exactly("delta", delta))

    def __add__(self, other: "Charge") -> "Charge":
        mixed = self.epsilon is None or other.epsilon is None
        return Charge(
            self.rho + other.rho,
            min(self.delta + other.delta, _ALMOST_ONE),
            None if mixed else (self.epsilon or 0) + (other.epsilon or Fraction(0)),
        )

    def __str__(self) -> str:
        pure = "" if self.epsilon is None else f"epsilon {float(self.epsilon):.4g}, "
        return f"{pure}rho {float(self.rho):.4g}, delta {float(self.delta):.3g}"


_ALMOST_ONE = 1 - Fraction(1, 10**18)
NOTHING = Charge(Fraction(0), Fraction(0), Fraction(0))
"""What nothing costs; the neutral element of adding charges."""


def overhead(order: Fraction, delta: Fraction) -> Fraction:
    """What the conversion to (epsilon, delta) adds to order x rho, rounded up.

    **Guarantee:** rho-zCDP is (order rho + overhead, delta)-DP for every order > 1:
    overhead = ln(1 / (order delta)) / (order - 1) + ln(1 - 1 / order).

    **Source:** Canonne, Kamath & Steinke 2020, proposition 12.
    """
    _check_delta(delta)
    if order <= 1:
        raise PrivacyParameterError(f"the order must be above 1: {float(order)}")
    tail = log_above(1 / (order * delta)) / (order - 1)
    return Fraction(float_above(tail + log_above(1 - 1 / order)))


def epsilon_of(rho: Exact, delta: Exact) -> Fraction:
    """The least epsilon known with which rho-zCDP is (epsilon, delta)-DP, rounded up.

    **Guarantee:** min over orders of order rho + overhead(order, delta); any order is sound, and
    the one found is the best to about ten digits.
    """
    exact_rho, exact_delta = exactly("rho", rho), exactly("delta", delta)
    if exact_rho < 0:
        raise PrivacyParameterError(f"rho can't be negative: {rho}")
    if exact_rho == 0:
        return Fraction(0)
    _check_delta(exact_delta)
    near_rho, near_delta = float(exact_rho), float(exact_delta)
    order = _best_order(lambda a: -(a * near_rho + _near_overhead(a, near_delta)))
    whole = order * exact_rho + overhead(order, exact_delta)
    return max(Fraction(0), Fraction(float_above(whole)))


def best_order(epsilon: Exact, delta: Exact) -> Fraction:
    """The order at which (epsilon, delta) buys the most rho."""
    near_epsilon = float(exactly("epsilon", epsilon))
    near_delta = float(_check_delta(exactly("delta", delta)))
    return _best_order(lambda a: (near_epsilon - _near_overhead(a, near_delta)) / a)


def rho_within(epsilon: Exact, delta: Exact) -> Fraction:
    """The most rho that is (epsilon, delta)-DP, rounded down; 0 where none is."""
    order = best_order(epsilon, delta)
    room = exactly("epsilon", epsilon) - overhead(order, exactly("delta", delta))
    return max(Fraction(0), Fraction(float_below(room / order)))


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be given away about one listener's slice.

    Attributes:
        epsilon: as (epsilon, delta)-DP.
        delta: half of it pays for the conversion where there is an order, the rest for thresholds.
        order: alpha, the order at which concentrated charges are priced; None: pure charges only.
        reserve: the part of epsilon that only ad-hoc questions may spend, and they nothing else.
    """

    epsilon: Fraction
    delta: Fraction = Fraction(0)
    order: Fraction | None = None
    reserve: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        if self.epsilon <= 0 or not 0 <= self.delta < 1:
            raise PrivacyParameterError(
                f"epsilon must be positive and delta from 0 to below 1: "
                f"{float(self.epsilon)}, {float(self.delta)}"
            )
        if self.order is not None and (self.order <= 1 or self.delta == 0):
            raise PrivacyParameterError(
                f"concentrated charges need an order above 1 and a delta above 0: "
                f"{float(self.order)}, {float(self.delta)}"
            )
        if self.reserve < 0 or self.standing < 0:
            raise PrivacyParameterError(
                f"epsilon {float(self.epsilon)} is less than the reserve {float(self.reserve)} "
                f"and the overhead of the conversion, {float(self.overhead):.4g}, together"
            )

    @classmethod
    def of(
        cls, epsilon: Exact, delta: Exact = 0, concentrated: Exact = 1, reserve: Exact = 0
    ) -> Self:
        """A budget whose order is best for its use; each figure is a double, rounded down.

        Args:
            epsilon: the whole.
            delta: the whole; 0 leaves room for pure charges alone.
            concentrated: the part of epsilon, from 0 to 1, that is for charges without a pure
                epsilon; the order buys the most rho with it, the overhead included.
            reserve: the part of epsilon, in epsilon, that is for ad-hoc questions.
        """
        whole, small = _double("epsilon", epsilon), _double("delta", delta)
        part = whole * exactly("concentrated", concentrated)
        order = best_order(part, small / 2) if small and part > 0 else None
        return cls(whole, small, order, _double("reserve", reserve))

    @property
    def overhead(self) -> Fraction:
        """What of epsilon the conversion takes."""
        if self.order is None:
            return Fraction(0)
        return max(Fraction(0), _overhead(self.order, self.delta / 2))

    @property
    def standing(self) -> Fraction:
        """What of epsilon standing releases may spend, in prices."""
        return self.epsilon - self.reserve - self.overhead

    @property
    def rho(self) -> Fraction:
        """The rho that fits if all of it is spent on concentrated charges; 0 without an order."""
        if self.order is None:
            return Fraction(0)
        return Fraction(float_below((self.epsilon - self.overhead) / self.order))

    @property
    def threshold_delta(self) -> Fraction:
        """What of delta thresholds may spend."""
        return self.delta if self.order is None else self.delta / 2

    def price(self, charge: Charge) -> Fraction | None:
        """What a charge takes of epsilon; None for a concentrated one without an order."""
        if self.order is None:
            return charge.epsilon
        concentrated = self.order * charge.rho
        return concentrated if charge.epsilon is None else min(charge.epsilon, concentrated)


@lru_cache(maxsize=256)
def _overhead(order: Fraction, delta: Fraction) -> Fraction:
    return overhead(order, delta)


def _double(name: str, value: Exact) -> Fraction:
    return Fraction(float_below(exactly(name, value)))


def _check_delta(delta: Fraction) -> Fraction:
    if not 0 < delta < 1:
        raise PrivacyParameterError(f"delta must be between 0 and 1: {float(delta)}")
    return delta


def _near_overhead(order: float, delta: float) -> float:
    return -math.log(order * delta) / (order - 1.0) + math.log1p(-1.0 / order)


def _best_order(gain: Callable[[float], float]) -> Fraction:
    """The order that maximises a gain with one maximum, by golden section over ln(order - 1)."""
    low, high, shrink = -12.0, 40.0, (math.sqrt(5.0) - 1.0) / 2.0

    def at(place: float) -> float:
        return gain(1.0 + math.exp(place))

    inner, outer = high - shrink * (high - low), low + shrink * (high - low)
    first, second = at(inner), at(outer)
    while high - low > 1e-7:
        if first > second:
            high, outer, second = outer, inner, first
            inner = high - shrink * (high - low)
            first = at(inner)
        else:
            low, inner, first = inner, outer, second
            outer = low + shrink * (high - low)
            second = at(outer)
    return Fraction(1.0 + math.exp((low + high) / 2.0))
