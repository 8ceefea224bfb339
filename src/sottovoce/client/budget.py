"""What may be given away about one listener, and what was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BudgetShare:
    """A standing release's part of each slice's budget.

    Attributes:
        statistic: its name.
        share: of epsilon.
        mechanism: such as "discrete-laplace".
        scale: of its noise.
    """

    statistic: str
    share: float
    mechanism: str
    scale: float


@dataclass(frozen=True, slots=True)
class BudgetPlan:
    """What slices may spend.

    Attributes:
        epsilon: of each slice.
        delta: of each slice.
        reserve: the part of epsilon for ad-hoc questions, in epsilon.
        question: what one of them takes of each of its slices.
        slices_per_day: A, in how many slices of a day one listener counts.
        listens_per_slice: C, the most listens of one listener in a slice.
        standing: how the rest is divided.
    """

    epsilon: float
    delta: float
    reserve: float
    question: float
    slices_per_day: int
    listens_per_slice: int
    standing: tuple[BudgetShare, ...]


@dataclass(frozen=True, slots=True)
class SliceBudget:
    """What one slice may spend and has spent, in epsilon."""

    start: datetime
    allowed: float
    spent: float
    delta: float
    standing_left: float
    reserve_left: float


@dataclass(frozen=True, slots=True)
class DataSetBudget:
    """One data set's slices, the newest first; no plan where nothing has a budget yet."""

    data_set: str
    plan: BudgetPlan | None
    from_slice: datetime | None
    slices: tuple[SliceBudget, ...]


@dataclass(frozen=True, slots=True)
class Odometer:
    """The most that one listener may have given away in a stretch of days.

    Attributes:
        first_day: of the worst stretch; None where nothing was spent.
        days: how long it is.
        epsilon: what was spent of it, at `delta`.
        delta: the probability with which epsilon may fail.
        allowed: the most that the budgets let epsilon become.
    """

    first_day: datetime | None
    days: int
    epsilon: float
    delta: float
    allowed: float


@dataclass(frozen=True, slots=True)
class Budget:
    """What the ledger says.

    Attributes:
        ledger: its name, in hexadecimal.
        opened_at: from when on slices have a budget; None before it was opened.
        data_sets: each one's slices.
        worst_day: over all data sets.
        worst_month: over all data sets.
    """

    ledger: str
    opened_at: datetime | None
    data_sets: tuple[DataSetBudget, ...]
    worst_day: Odometer
    worst_month: Odometer


@dataclass(frozen=True, slots=True)
class LedgerCharge:
    """One charge as it stands in the ledger.

    Attributes:
        slices: how many slices from `first_slice` on it reads; each of them paid.
        pot: standing or reserve.
        epsilon: None for what is only concentrated.
    """

    data_set: str
    first_slice: datetime
    slices: int
    statistic: str
    parameters: str
    pot: str
    mechanism: str
    scale: float
    sensitivity: float
    epsilon: float | None
    rho: float
    delta: float
    made_at: datetime
