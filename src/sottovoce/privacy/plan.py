"""How a slice's budget is divided: standing releases, each with its share, and a reserve.

**Guarantee:** a plan that could be made fits: if every standing release of a slice is charged what
`charge` says, all of them hold in a ledger whose allowance is the plan's budget, in any order, and
whatever the ad-hoc questions do.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from sottovoce.privacy.accounting import Budget, Charge
from sottovoce.privacy.errors import PlanError
from sottovoce.privacy.exact import float_below
from sottovoce.privacy.mechanisms import Mechanism, Noise


@dataclass(frozen=True, slots=True)
class Standing:
    """A release that is made for every slice.

    Attributes:
        statistic: its name.
        share: its part of epsilon. Of concentrated releases (the Gaussian), the shares together
            pay for the conversion too.
        sensitivity: of all its vectors in a slice together: L1, for the Gaussian squared L2.
        mechanism: how its noise is distributed.
        delta_share: its part of the delta for thresholds, where it releases keys that are not
            public.
    """

    statistic: str
    share: Fraction
    sensitivity: int
    mechanism: Mechanism = Mechanism.DISCRETE_LAPLACE
    delta_share: Fraction = Fraction(0)


@dataclass(frozen=True)
class ReleasePlan:
    """What of a slice's budget goes where.

    Attributes:
        epsilon: of each slice.
        delta: of each slice; half of it is for thresholds if something is concentrated, else all.
        standing: the standing releases.
        reserve: the part of epsilon for ad-hoc questions.

    Raises:
        PlanError: the shares are more than the whole, or one is not positive, named twice or needs
            a delta that there is none of.
    """

    epsilon: Fraction
    delta: Fraction
    standing: tuple[Standing, ...]
    reserve: Fraction

    def __post_init__(self) -> None:
        names = [each.statistic for each in self.standing]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise PlanError(f"the plan names {', '.join(twice)} more than once")
        wrong = [each.statistic for each in self.standing if each.share <= 0]
        if wrong or self.reserve < 0:
            raise PlanError(
                f"shares must be positive and the reserve not negative: {', '.join(wrong)} "
                f"{float(self.reserve)}"
            )
        whole = sum((each.share for each in self.standing), self.reserve)
        if whole > 1:
            raise PlanError(
                f"the shares of the plan and its reserve are together {float(whole):.6g} of "
                f"epsilon: lower them to 1 or less"
            )
        thresholds = sum((each.delta_share for each in self.standing), Fraction(0))
        if thresholds > 1 or any(each.delta_share < 0 for each in self.standing):
            raise PlanError(f"delta shares must lie in 0 to 1 together: {float(thresholds):.6g}")
        if self.delta == 0 and (thresholds or self._concentrated):
            raise PlanError("thresholds and Gaussian noise need a delta above 0")
        if self._concentrated and self._rho <= 0:
            raise PlanError(
                f"{float(self._concentrated):.3g} of epsilon buys no Gaussian noise at this delta"
            )

    @cached_property
    def budget(self) -> Budget:
        """What a ledger is to allow each slice."""
        return Budget.of(
            self._epsilon, self.delta, self._concentrated, self.reserve * self._epsilon
        )

    def noise(self, statistic: str) -> Noise:
        """The noise of a standing release."""
        each = self._named(statistic)
        if each.mechanism is Mechanism.DISCRETE_LAPLACE:
            return Noise.laplace(each.share * self._epsilon, each.sensitivity)
        return Noise.gaussian(self._rho * each.share / self._concentrated, each.sensitivity)

    def charge(self, statistic: str) -> Charge:
        """What a standing release costs each slice."""
        plain = self.noise(statistic).charge
        return Charge(plain.rho, self.threshold_delta(statistic), plain.epsilon)

    def threshold_delta(self, statistic: str) -> Fraction:
        """The delta of a standing release's threshold; 0 where it has none."""
        share = self._named(statistic).delta_share
        return Fraction(float_below(share * self.budget.threshold_delta))

    @cached_property
    def _epsilon(self) -> Fraction:
        """Epsilon as it stands in the ledger: a double, of which all shares are taken."""
        return Fraction(float_below(self.epsilon))

    @cached_property
    def _concentrated(self) -> Fraction:
        return sum(
            (each.share for each in self.standing if each.mechanism is Mechanism.DISCRETE_GAUSSIAN),
            Fraction(0),
        )

    @cached_property
    def _rho(self) -> Fraction:
        """What the concentrated releases have together, after the conversion was paid."""
        order = self.budget.order
        if order is None:
            return Fraction(0)
        return (self._concentrated * self._epsilon - self.budget.overhead) / order

    def _named(self, statistic: str) -> Standing:
        for each in self.standing:
            if each.statistic == statistic:
                return each
        known = ", ".join(sorted(each.statistic for each in self.standing)) or "nothing"
        raise PlanError(f"the plan has no standing release {statistic!r}; it has {known}")
