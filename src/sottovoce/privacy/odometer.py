"""What one listener may have given away by now, in their worst day and worst month.

A listener counts in at most A slices of a UTC day in each data set; nobody knows which, so the
worst A of the day are taken. Data sets are added, for a person may be in all of them.

**Guarantee:** for the charges that hold, what was released about one listener's slices of any
`days` days in a row is together (epsilon, delta)-DP. Basic composition adds the slices' epsilons
and deltas; concentrated composition adds their rho and converts the sum once; the smaller epsilon
is given. The figure grows with the ledger and never beyond what the budgets allow, which
`allowed` gives: that one is a promise before anything is asked.

**Source:** Dwork & Roth, "The algorithmic foundations of differential privacy" (2014), theorem
3.16; Bun & Steinke, "Concentrated differential privacy", TCC 2016, lemma 1.7.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from sottovoce.privacy.accounting import epsilon_of
from sottovoce.privacy.errors import PrivacyParameterError
from sottovoce.privacy.ledger import Ledger, SliceAccount

DAY_MS: Final = 86_400_000
MONTH_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Reading:
    """The worst of a listener's days or months.

    Attributes:
        first_day: of the worst stretch, as days since 1970-01-01 UTC; None where nothing was spent.
        days: how long the stretch is.
        epsilon: what was given away in it, at `delta`.
        delta: the probability with which epsilon may fail.
        rho: the same, concentrated; outside of it only the deltas of thresholds.
        allowed: the most that the budgets let epsilon become in such a stretch.
    """

    first_day: int | None
    days: int
    epsilon: Fraction
    delta: Fraction
    rho: Fraction
    allowed: Fraction


@dataclass(frozen=True, slots=True)
class _Sums:
    epsilon: Fraction = Fraction(0)
    delta: Fraction = Fraction(0)
    rho: Fraction = Fraction(0)
    threshold_delta: Fraction = Fraction(0)
    allowed: Fraction = Fraction(0)

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.epsilon + other.epsilon,
            self.delta + other.delta,
            self.rho + other.rho,
            self.threshold_delta + other.threshold_delta,
            self.allowed + other.allowed,
        )


def read_odometer(ledger: Ledger, days: int, conversion_delta: Fraction) -> Reading:
    """The worst stretch of `days` days in a row.

    Args:
        ledger: the charges that hold.
        days: 1 for a day, `MONTH_DAYS` for a month.
        conversion_delta: the delta at which concentrated charges may be converted.
    """
    if days < 1 or not 0 < conversion_delta < 1:
        raise PrivacyParameterError(
            f"days must be at least 1 and the delta between 0 and 1: {days}, {conversion_delta}"
        )
    by_day = _worst_by_day(ledger)
    worst = Reading(None, days, Fraction(0), Fraction(0), Fraction(0), Fraction(0))
    for first in by_day:
        total = sum((by_day.get(first + i, _Sums()) for i in range(days)), _Sums())
        epsilon, delta = total.epsilon, total.delta
        concentrated = epsilon_of(total.rho, conversion_delta)
        if concentrated < epsilon:
            epsilon, delta = concentrated, conversion_delta + total.threshold_delta
        allowed = max(worst.allowed, total.allowed)
        if worst.first_day is None or epsilon > worst.epsilon:
            worst = Reading(first, days, epsilon, delta, total.rho, allowed)
        elif allowed > worst.allowed:
            worst = Reading(worst.first_day, days, worst.epsilon, worst.delta, worst.rho, allowed)
    return worst


def _worst_by_day(ledger: Ledger) -> dict[int, _Sums]:
    """For each UTC day, the worst A of its slices in each data set, added over data sets."""
    grouped: defaultdict[tuple[str, int], list[SliceAccount]] = defaultdict(list)
    for data_set, slice_ms, account in ledger.accounts():
        grouped[data_set, slice_ms // DAY_MS].append(account)
    by_day: defaultdict[int, _Sums] = defaultdict(_Sums)
    for (_, day), accounts in grouped.items():
        most = max(account.slices_per_day for account in accounts)
        by_day[day] += _Sums(
            _top((account.epsilon for account in accounts), most),
            _top((account.delta for account in accounts), most),
            _top((account.spent.rho for account in accounts), most),
            _top((account.spent.delta for account in accounts), most),
            max(account.budget.epsilon for account in accounts) * most,
        )
    return dict(sorted(by_day.items()))


def _top(figures: Iterable[Fraction], count: int) -> Fraction:
    return sum(sorted(figures, reverse=True)[:count], Fraction(0))
