"""What the ledger's log holds: its opening, what slices may spend, and the charges.

Pure values; how they are written to the topic is the codec's business. Every figure of a charge and
of a budget is a double on the wire and an exact rational here.
"""

from dataclasses import dataclass
from enum import StrEnum

from sottovoce.privacy.accounting import Budget, Charge
from sottovoce.privacy.errors import PrivacyParameterError


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
        budget: of each slice.
        slices_per_day: A, in how many slices of a UTC day a listener counts.
    """

    ledger: bytes
    data_set: str
    from_ms: int
    budget: Budget
    slices_per_day: int

    def __post_init__(self) -> None:
        if self.slices_per_day < 1:
            raise PrivacyParameterError(f"slices_per_day must be at least 1: {self.slices_per_day}")


@dataclass(frozen=True, slots=True, order=True)
class ReleaseKey:
    """What makes two questions the same.

    Attributes:
        data_set: whose listens.
        slices: starts of the slices that it reads, ascending; each of them pays.
        statistic: which one.
        parameters: all that changes the vector or its noise, in one canonical text.
    """

    data_set: str
    slices: tuple[int, ...]
    statistic: str
    parameters: str = ""

    def __post_init__(self) -> None:
        if not self.slices or any(
            later <= earlier for earlier, later in zip(self.slices, self.slices[1:], strict=False)
        ):
            raise PrivacyParameterError(
                f"a release reads at least one slice, each once, ascending: {self.slices}"
            )


@dataclass(frozen=True, slots=True)
class ChargeRecord:
    """A release: what it is and what it costs each slice that it reads.

    Attributes:
        ledger: which ledger the replica that wrote it had read.
        key: what was released.
        charge: what it costs each of its slices.
        pot: standing or reserve.
        draw: names the body of the release, written in the same transaction.
    """

    ledger: bytes
    key: ReleaseKey
    charge: Charge
    pot: Pot = Pot.STANDING
    draw: bytes = b""


type LedgerRecord = Opening | Allowance | ChargeRecord
