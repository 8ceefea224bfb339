"""How a slice's budget is divided: standing releases, each with its share, and a reserve.

**Guarantee:** a plan that could be made fits: if every standing release of a slice is charged what
`charge` says, all of them hold in a ledger that allows the plan, in any order, and whatever the
ad-hoc questions do.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Self

from sottovoce.privacy.accounting import Budget, Charge
from sottovoce.privacy.errors import PlanError
from sottovoce.privacy.exact import Exact, exactly, float_below
from sottovoce.privacy.mechanisms import Mechanism, Noise


@dataclass(frozen=True, slots=True)
class Standing:
    """A release that is made for every slice.

    Attributes:
        statistic: its name.
        share: its part of epsilon, a double. Of concentrated releases (the Gaussian), the shares
            together pay for the conversion too.
        mechanism: how its noise is distributed.
        delta_share: its part of the delta for thresholds, a double, where it releases keys that are
            not public.
    """

    statistic: str
    share: Fraction
    mechanism: Mechanism = Mechanism.DISCRETE_LAPLACE
    delta_share: Fraction = Fraction(0)


@dataclass(frozen=True)
class ReleasePlan:
    """What of a slice's budget goes where.

    Attributes:
        budget: of each slice; its reserve is for ad-hoc questions.
        standing: the standing releases.
    """

    budget: Budget
    standing: tuple[Standing, ...] = ()

    @classmethod
    def of(cls, epsilon: Exact, delta: Exact, standing: Iterable[Standing], reserve: Exact) -> Self:
        """A plan whose shares and budget are doubles, each rounded down.

        Args:
            epsilon: of each slice.
            delta: of each slice; half of it is for thresholds if something is concentrated, else
                all.
            standing: the standing releases.
            reserve: the part of epsilon for ad-hoc questions, from 0 to 1.

        Raises:
            PlanError: the shares are more than the whole, or one is not positive, named twice or
                needs a delta that there is none of.
        """
        parts = tuple(
            replace(each, share=_below(each.share), delta_share=_below(each.delta_share))
            for each in standing
        )
        kept = exactly("reserve", reserve)
        _check(parts, kept, exactly("delta", delta))
        concentrated = _concentrated(parts)
        whole = _below(exactly("epsilon", epsilon))
        plan = cls(Budget.of(whole, delta, concentrated, kept * whole), parts)
        if concentrated and plan._rho <= 0:
            raise PlanError(
                f"{float(concentrated):.3g} of epsilon {float(whole):.3g} buys no Gaussian noise "
                "at this delta: raise epsilon, or the shares of Gaussian releases together"
            )
        return plan

    def noise(self, statistic: str, sensitivity: int) -> Noise:
        """The noise of a standing release.

        Args:
            statistic: its name.
            sensitivity: of all its vectors in a slice together: L1, for the Gaussian squared L2.
        """
        each = self.named(statistic)
        if each.mechanism is Mechanism.DISCRETE_LAPLACE:
            return Noise.laplace(each.share * self.budget.epsilon, sensitivity)
        return Noise.gaussian(self._rho * each.share / _concentrated(self.standing), sensitivity)

    def charge(self, statistic: str, sensitivity: int) -> Charge:
        """What a standing release costs each slice."""
        plain = self.noise(statistic, sensitivity).charge
        return Charge(plain.rho, self.threshold_delta(statistic), plain.epsilon)

    def threshold_delta(self, statistic: str) -> Fraction:
        """The delta of a standing release's threshold; 0 where it has none."""
        return _below(self.named(statistic).delta_share * self.budget.threshold_delta)

    def named(self, statistic: str) -> Standing:
        """The standing release of a name.

        Raises:
            PlanError: the plan has none.
        """
        for each in self.standing:
            if each.statistic == statistic:
                return each
        known = ", ".join(sorted(each.statistic for each in self.standing)) or "nothing"
        raise PlanError(f"the plan has no standing release {statistic!r}; it has {known}")

    @cached_property
    def _rho(self) -> Fraction:
        """What the concentrated releases have together, after the conversion was paid."""
        order = self.budget.order
        if order is None:
            return Fraction(0)
        share = _concentrated(self.standing)
        return (share * self.budget.epsilon - self.budget.overhead) / order


def _check(standing: tuple[Standing, ...], reserve: Fraction, delta: Fraction) -> None:
    names = [each.statistic for each in standing]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PlanError(f"the plan names {', '.join(twice)} more than once")
    wrong = [each.statistic for each in standing if each.share <= 0]
    if wrong or reserve < 0:
        raise PlanError(
            f"shares must be positive and the reserve not negative: {', '.join(wrong)} "
            f"{float(reserve)}"
        )
    whole = sum((each.share for each in standing), reserve)
    if whole > 1:
        raise PlanError(
            f"the shares of the plan and its reserve are together {float(whole):.6g} of "
            f"epsilon: lower them to 1 or less"
        )
    thresholds = sum((each.delta_share for each in standing), Fraction(0))
    if thresholds > 1 or any(each.delta_share < 0 for each in standing):
        raise PlanError(f"delta shares must lie in 0 to 1 together: {float(thresholds):.6g}")
    if delta == 0 and (thresholds or _concentrated(standing)):
        raise PlanError("thresholds and Gaussian noise need a delta above 0")


def _concentrated(standing: tuple[Standing, ...]) -> Fraction:
    """The part of epsilon that concentrated releases have together."""
    gaussian = (each.share for each in standing if each.mechanism is Mechanism.DISCRETE_GAUSSIAN)
    return sum(gaussian, Fraction(0))


def _below(value: Fraction) -> Fraction:
    """The greatest double that is not above a rational: what goes on the wire unchanged."""
    return Fraction(float_below(value))
