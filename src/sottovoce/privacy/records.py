"""What the ledger's log holds: its opening, what slices may spend, and the charges.

Pure values; how they are written to the topic is the codec's business. Every figure of a charge and
of a budget is a double on the wire and an exact rational here.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from sottovoce.privacy.accounting import Budget, Charge
from sottovoce.privacy.errors import PrivacyParameterError
from sottovoce.privacy.mechanisms import Noise
from sottovoce.privacy.plan import ReleasePlan


class Pot(StrEnum):
    """Which part of a slice's budget a charge is taken from."""

    STANDING = "standing"
    RESERVE = "reserve"


@dataclass(frozen=True, slots=True)
class Opening:
    """The ledger's first record: slices that may have been released before it have no budget.

    Attributes:
        ledger: random bytes that name this ledger; every other record repeats them.
        opened_at_ms: when it was made: the first start of a slice that has a budget.
        horizons: data sets whose slices are older than what they tell (`history`), each with the
            first start of a slice that has a budget: the data set's first one where it was made
            together with the ledger, else the first one that was not sealed when it was made.
    """

    ledger: bytes
    opened_at_ms: int
    horizons: tuple[tuple[str, int], ...] = ()

    def horizon(self, data_set: str) -> int:
        """The first start of a slice of a data set that has a budget."""
        return dict(self.horizons).get(data_set, self.opened_at_ms)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What each slice of a data set may spend, from one slice on until the next allowance.

    Attributes:
        ledger: which ledger it was written for.
        data_set: whose.
        from_ms: start of the first slice under it.
        plan: what each slice may spend, and on what.
        slices_per_day: A, in how many slices of a UTC day a listener counts.
    """

    ledger: bytes
    data_set: str
    from_ms: int
    plan: ReleasePlan
    slices_per_day: int

    def __post_init__(self) -> None:
        if self.slices_per_day < 1:
            raise PrivacyParameterError(f"slices_per_day must be at least 1: {self.slices_per_day}")

    @property
    def budget(self) -> Budget:
        """What each slice may spend."""
        return self.plan.budget


@dataclass(frozen=True, slots=True)
class ReleaseKey:
    """What makes two questions the same.

    Attributes:
        data_set: whose listens.
        slices: starts of the slices that it reads, ascending; each of them pays.
        statistic: which one.
        parameters: all that changes the vector or its noise, in one canonical text.
        draw: which draw of a series it is, such as the number of a pane; None for what is released
            at once. A series is charged once, with whichever of its draws comes first.
    """

    data_set: str
    slices: tuple[int, ...]
    statistic: str
    parameters: str = ""
    draw: int | None = None

    def __post_init__(self) -> None:
        if not self.slices or any(
            later <= earlier for earlier, later in zip(self.slices, self.slices[1:], strict=False)
        ):
            raise PrivacyParameterError(
                f"a release reads at least one slice, each once, ascending: {self.slices}"
            )
        if self.draw is not None and self.draw < 0:
            raise PrivacyParameterError(f"draws of a series are counted from 0: {self.draw}")

    @property
    def series(self) -> "ReleaseKey":
        """What is charged: the key without its draw."""
        return self if self.draw is None else replace(self, draw=None)


@dataclass(frozen=True, slots=True)
class ChargeRecord:
    """A release: what it is and what it costs each slice that it reads.

    Attributes:
        ledger: which ledger the replica that wrote it had read.
        key: what was released.
        charge: what it costs each of its slices; for a series all of its draws together.
        pot: standing or reserve.
        noise: what was added; None for what is outside the budget.
        body: names what was released, written in the same transaction.
        made_at_ms: when the replica drew it, by its clock; nothing rests on it.
    """

    ledger: bytes
    key: ReleaseKey
    charge: Charge
    pot: Pot = Pot.STANDING
    noise: Noise | None = None
    body: bytes = b""
    made_at_ms: int = 0


type LedgerRecord = Opening | Allowance | ChargeRecord
