"""The ledger: which of the releases in the log hold.

The log's order decides, nothing else: a replica that has read a prefix of the log has the answer
that every other replica has for that prefix, without a lock, a leader or a clock.

**Guarantee:** after any log whatsoever, for each slice the prices of the charges that hold are
together at most what its budget leaves for their pot, and their deltas at most its threshold delta.
So, by `sottovoce.privacy.accounting`, all that was released about a slice is (epsilon, delta)-DP.
A slice has a budget only where this very ledger was opened before anything could be released about
it: whoever finds a lost or re-made ledger finds nothing to spend.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from sottovoce.privacy.accounting import NOTHING, Budget, Charge
from sottovoce.privacy.records import (
    Allowance,
    ChargeRecord,
    LedgerRecord,
    Opening,
    Pot,
    ReleaseKey,
)


class Reason(StrEnum):
    """Why a record does not hold."""

    NOT_OPENED = "the ledger has no opening yet"
    OPENED_TWICE = "the ledger was opened before"
    OTHER_LEDGER = "the record was written for another ledger"
    TOO_OLD = "the slice is older than the ledger"
    NO_ALLOWANCE = "no budget is set for the slice"
    TOO_LATE = "an allowance can't reach back to slices that have one or have spent"
    NOT_PURE = "the slice's budget has room for pure charges only"
    RESERVE_DELTA = "the reserve pays no delta"
    OTHER_NOISE = "the series was begun with another noise"
    NOT_A_SERIES = "what was released at once has no draws, and a series nothing else"
    DELTA_SPENT = "the slice's delta is spent"
    SPENT = "the slice's budget is spent"


@dataclass(frozen=True, slots=True)
class Held:
    """The record holds: what was charged may be served."""

    record: LedgerRecord


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An earlier record of the same key holds: that one is served, this one is discarded."""

    key: ReleaseKey


@dataclass(frozen=True, slots=True)
class Refused:
    """The record does not hold, and never will.

    Attributes:
        reason: why.
        slice_ms: the first slice that can't pay; None where no slice is to blame.
        need: what it would take of epsilon or, where `reason` is `DELTA_SPENT`, of delta.
        left: what of that is left to its pot.
    """

    reason: Reason
    slice_ms: int | None = None
    need: Fraction = Fraction(0)
    left: Fraction = Fraction(0)


type Verdict = Held | Duplicate | Refused


@dataclass(frozen=True, slots=True)
class SliceAccount:
    """What a slice may spend and has spent.

    Attributes:
        budget: what it may.
        slices_per_day: in how many slices of its day a listener counts.
        spent: the sum of its charges.
        standing: prices of its standing releases, in epsilon.
        reserve: prices of its ad-hoc releases, in epsilon.
        concentrated: whether a charge needs the conversion, so that its overhead counts.
    """

    budget: Budget
    slices_per_day: int
    spent: Charge = NOTHING
    standing: Fraction = Fraction(0)
    reserve: Fraction = Fraction(0)
    concentrated: bool = False

    @property
    def epsilon(self) -> Fraction:
        """What was spent of epsilon, the overhead of the conversion included once it is used."""
        return self.standing + self.reserve + (self.budget.overhead if self.concentrated else 0)

    @property
    def delta(self) -> Fraction:
        """What was spent of delta, likewise."""
        conversion = self.budget.delta - self.budget.threshold_delta
        return self.spent.delta + (conversion if self.concentrated else 0)

    def left(self, pot: Pot) -> Fraction:
        """What is left to a pot, in prices."""
        if pot is Pot.RESERVE:
            return self.budget.reserve - self.reserve
        return self.budget.standing - self.standing

    def refuses(self, slice_ms: int, charge: Charge, pot: Pot) -> Refused | None:
        """Why a charge does not fit; None where it does."""
        price = self.budget.price(charge)
        if price is None:
            return Refused(Reason.NOT_PURE, slice_ms)
        if charge.delta and pot is Pot.RESERVE:
            return Refused(Reason.RESERVE_DELTA, slice_ms, charge.delta)
        delta_left = self.budget.threshold_delta - self.spent.delta
        if charge.delta > delta_left:
            return Refused(Reason.DELTA_SPENT, slice_ms, charge.delta, delta_left)
        if price > self.left(pot):
            return Refused(Reason.SPENT, slice_ms, price, self.left(pot))
        return None

    def paying(self, charge: Charge, pot: Pot) -> "SliceAccount":
        """The account after a charge that fits."""
        price = self.budget.price(charge) or Fraction(0)
        return SliceAccount(
            self.budget,
            self.slices_per_day,
            self.spent + charge,
            self.standing + (price if pot is Pot.STANDING else 0),
            self.reserve + (price if pot is Pot.RESERVE else 0),
            self.concentrated or charge.epsilon is None or price < charge.epsilon,
        )


@dataclass(slots=True)
class _Paid:
    """What was charged: the record that paid, and which draws of a series were made, as bits."""

    record: ChargeRecord
    draws: int = 0

    def has(self, draw: int | None) -> bool:
        return draw is None or bool(self.draws >> draw & 1)


@dataclass(slots=True)
class _Allowances:
    starts: list[int] = field(default_factory=list)
    held: list[Allowance] = field(default_factory=list)
    frontier: int = -1  # start of the last slice that was charged


class Ledger:
    """The state after a prefix of the log. Records are applied one by one, in the log's order."""

    def __init__(self, records: Iterable[LedgerRecord] = ()) -> None:
        self._opening: Opening | None = None
        self._allowances: dict[str, _Allowances] = {}
        self._accounts: dict[tuple[str, int], SliceAccount] = {}
        self._paid: dict[ReleaseKey, _Paid] = {}
        for record in records:
            self.apply(record)

    @property
    def opening(self) -> Opening | None:
        """The ledger's first record; None before it was read."""
        return self._opening

    def apply(self, record: LedgerRecord) -> Verdict:
        """Takes the next record of the log and says whether it holds."""
        verdict = self.judge(record)
        if isinstance(verdict, Held):
            match record:
                case Opening():
                    self._opening = record
                case Allowance():
                    allowances = self._allowances.setdefault(record.data_set, _Allowances())
                    allowances.starts.append(record.from_ms)
                    allowances.held.append(record)
                case ChargeRecord():
                    self._take(record)
        return verdict

    def judge(self, record: LedgerRecord) -> Verdict:
        """What `apply` would say if the record were next; changes nothing."""
        if isinstance(record, Opening):
            return Held(record) if self._opening is None else Refused(Reason.OPENED_TWICE)
        if self._opening is None:
            return Refused(Reason.NOT_OPENED)
        if record.ledger != self._opening.ledger:
            return Refused(Reason.OTHER_LEDGER)
        if isinstance(record, Allowance):
            allowances = self._allowances.get(record.data_set, _Allowances())
            latest = max(allowances.frontier, *allowances.starts[-1:], -1)
            return Held(record) if record.from_ms > latest else Refused(Reason.TOO_LATE)
        paid = self._paid.get(record.key.series)
        if paid is not None:
            return _judge_again(paid, record)
        for slice_ms in record.key.slices:
            account = self._open_account(record.key.data_set, slice_ms)
            refused = (
                account
                if isinstance(account, Refused)
                else account.refuses(slice_ms, record.charge, record.pot)
            )
            if refused is not None:
                return refused
        return Held(record)

    def account(self, data_set: str, slice_ms: int) -> SliceAccount | None:
        """What a slice may spend and has spent; None for one without a budget."""
        account = self._open_account(data_set, slice_ms)
        return None if isinstance(account, Refused) else account

    def allowance(self, data_set: str, slice_ms: int) -> Allowance | None:
        """The allowance that a slice is under; None for a slice without a budget."""
        if self._opening is None or slice_ms < self._opening.horizon(data_set):
            return None
        allowances = self._allowances.get(data_set, _Allowances())
        found = bisect_right(allowances.starts, slice_ms) - 1
        return None if found < 0 else allowances.held[found]

    def latest_allowance(self, data_set: str) -> Allowance | None:
        """The allowance that the slices to come are under."""
        held = self._allowances.get(data_set, _Allowances()).held
        return held[-1] if held else None

    def frontier(self, data_set: str) -> int:
        """The start of the last slice that was charged; -1 before the first."""
        return self._allowances.get(data_set, _Allowances()).frontier

    def holds(self, key: ReleaseKey) -> bool:
        """Whether a record of a key holds."""
        paid = self._paid.get(key.series)
        return paid is not None and paid.has(key.draw)

    def paid(self, key: ReleaseKey) -> ChargeRecord | None:
        """The record that paid for a release or for its series."""
        paid = self._paid.get(key.series)
        return None if paid is None else paid.record

    def charges(self) -> Iterator[ChargeRecord]:
        """The records that paid, in the log's order."""
        for paid in self._paid.values():
            yield paid.record

    def accounts(self) -> Iterator[tuple[str, int, SliceAccount]]:
        """Data set, slice and account of each slice that has spent, in the order of first use."""
        for (data_set, slice_ms), account in self._accounts.items():
            yield data_set, slice_ms, account

    def __len__(self) -> int:
        return len(self._paid)

    def _open_account(self, data_set: str, slice_ms: int) -> SliceAccount | Refused:
        account = self._accounts.get((data_set, slice_ms))
        if account is not None:
            return account
        if self._opening is None:
            return Refused(Reason.NOT_OPENED, slice_ms)
        if slice_ms < self._opening.horizon(data_set):
            return Refused(Reason.TOO_OLD, slice_ms)
        allowance = self.allowance(data_set, slice_ms)
        if allowance is None:
            return Refused(Reason.NO_ALLOWANCE, slice_ms)
        return SliceAccount(allowance.budget, allowance.slices_per_day)

    def _take(self, record: ChargeRecord) -> None:
        key = record.key
        paid = self._paid.get(key.series)
        if paid is None:
            paid = self._paid[key.series] = _Paid(record)
            self._pay(record)
        if key.draw is not None:
            paid.draws |= 1 << key.draw

    def _pay(self, record: ChargeRecord) -> None:
        data_set = record.key.data_set
        allowances = self._allowances[data_set]
        for slice_ms in record.key.slices:
            account = self._open_account(data_set, slice_ms)
            if isinstance(account, SliceAccount):  # it was judged to be
                self._accounts[data_set, slice_ms] = account.paying(record.charge, record.pot)
            allowances.frontier = max(allowances.frontier, slice_ms)


def _judge_again(paid: _Paid, record: ChargeRecord) -> Verdict:
    """The verdict on a record whose series, or whose very release, was paid before."""
    first, key = paid.record, record.key
    if (first.key.draw is None) != (key.draw is None):
        return Refused(Reason.NOT_A_SERIES)
    if paid.has(key.draw):
        return Duplicate(key)
    if (record.charge, record.pot, record.noise) != (first.charge, first.pot, first.noise):
        return Refused(Reason.OTHER_NOISE)
    return Held(record)
