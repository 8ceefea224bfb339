"""Charge and release as one thing: judged, drawn, written, read back."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Protocol

import numpy as np

from sottovoce.errors import SottovoceError
from sottovoce.kafka.errors import LogError
from sottovoce.ledger import Body
from sottovoce.ledger.codec import BODY_BYTES, charge_of
from sottovoce.privacy import (
    Allowance,
    ChargeRecord,
    Ledger,
    Noise,
    Pot,
    Refused,
    ReleaseKey,
    Verdict,
    release_above,
    threshold_for,
)
from sottovoce_query.releases.exact import Vector

_VALUES_AT_ONCE: Final = 300_000
"""Values in a transaction: it is open for as long as they are written, not while they are drawn."""


class BudgetRefusedError(SottovoceError):
    """The ledger does not let a release be made.

    Attributes:
        refused: why, for which slice, what it would take and what is left.
        key: what was asked for.
        pot: which part of the budget was to pay.
    """

    def __init__(self, refused: Refused, key: ReleaseKey, pot: Pot) -> None:
        super().__init__(str(refused.reason))
        self.refused = refused
        self.key = key
        self.pot = pot


@dataclass(frozen=True, slots=True)
class Wanted:
    """A release that shall be made.

    Attributes:
        key: which one.
        noise: what is added; None for what is outside the budget.
        pot: what pays.
        delta: of the threshold for keys beyond the domain; 0 where there are none.
        draw: works the body out; called only where the ledger has room.
        weight: about how many values it has.
    """

    key: ReleaseKey
    noise: Noise | None
    pot: Pot
    delta: Fraction
    draw: Callable[[], Body]
    weight: int = 1


class ReleaseLog(Protocol):
    """Where releases are written and read: Kafka, or a list in memory."""

    @property
    def ledger(self) -> Ledger:
        """What was spent, as far as it was read."""

    def catch_up(self) -> None:
        """Read to the end."""

    def poll(self) -> None:
        """Read what came since."""

    def release(self, made: Sequence[tuple[ChargeRecord, Body]]) -> list[Verdict]:
        """Write releases, read them back, return what became of each."""

    def allow(self, allowances: Sequence[Allowance]) -> None:
        """Write allowances and read on."""

    def rewrite(self, thinner: Mapping[bytes, tuple[Body, Body]]) -> None:
        """Put bodies in the place of those that stand, by their names: the old one, the new one."""

    def withdraw(self, names: Sequence[bytes]) -> None:
        """Take bodies back."""

    def close(self) -> None:
        """Let go of the connection."""


class Observer:
    """Is told what becomes of releases; this one doesn't listen."""

    def drawn(self, wanted: Wanted, verdict: Verdict, seconds: float) -> None:
        """A release was drawn and written, in a transaction that took so long."""

    def refused(self, wanted: Wanted, refused: Refused) -> None:
        """The ledger does not let a release be made."""


class ReleaseEngine:
    """Makes releases; the only caller of noise.

    **Guarantee:** what is served was charged first, in a ledger whose slices never spend more than
    they are allowed; whatever dies at whatever step, a release and its charge both stand or neither
    does. Which releases are made and what they cost depends on the clock and on questions, never
    on what the cells hold.

    Args:
        log: the ledger and the releases.
        observer: is told of each release.
        clock_ms: the time, for the record alone.
    """

    def __init__(
        self,
        log: ReleaseLog,
        observer: Observer | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._log = log
        self._observer = observer or Observer()
        self._clock_ms = clock_ms
        self._lock = threading.RLock()
        self._failed: LogError | None = None

    @property
    def ledger(self) -> Ledger:
        """What was spent, as far as it was read."""
        return self._log.ledger

    def locked(self) -> threading.RLock:
        """The lock under which the log and its ledger are used."""
        return self._lock

    def follow(self) -> None:
        """Read what other replicas released.

        Raises:
            LogError: a write failed, here or on behalf of a question: the process must end.
        """
        with self._lock:
            if self._failed is not None:
                raise self._failed
            self._log.poll()

    def withdraw(self, names: Sequence[bytes]) -> None:
        """Take bodies back, here and at every replica."""
        with self._lock:
            self._log.withdraw(names)

    def make(self, wanted: Sequence[Wanted]) -> None:
        """Make what is not there yet; when it returns, all of it is.

        Raises:
            BudgetRefusedError: the budget of a slice does not allow one of them. What was written
                before it stands.
            LogError: the outcome of a write is unknown: the process must end, and `follow` says so.
        """
        for some in _portions(wanted):
            with self._lock:
                try:
                    self._log.poll()
                    fresh = [each for each in some if not self.ledger.holds(each.key)]
                    if fresh:
                        self._release(fresh)
                except LogError as error:
                    self._failed = error  # whose outcome nobody knows: nothing more is written
                    raise

    def _release(self, fresh: Sequence[Wanted]) -> None:
        opening = self.ledger.opening
        name = b"" if opening is None else opening.ledger
        records = [self._record(name, each) for each in fresh]
        for each, record in zip(fresh, records, strict=True):
            self._require(each, self.ledger.judge(record))
        began = time.perf_counter()
        made = [(record, each.draw()) for each, record in zip(fresh, records, strict=True)]
        verdicts = self._log.release(made)
        seconds = time.perf_counter() - began
        for each, verdict in zip(fresh, verdicts, strict=True):
            if not isinstance(verdict, Refused):  # a refusal is told of where it is raised
                self._observer.drawn(each, verdict, seconds)
        for each, verdict in zip(fresh, verdicts, strict=True):
            self._require(each, verdict)

    def _record(self, ledger: bytes, wanted: Wanted) -> ChargeRecord:
        return ChargeRecord(
            ledger=ledger,
            key=wanted.key,
            charge=charge_of(wanted.noise, wanted.delta),
            pot=wanted.pot,
            noise=wanted.noise,
            body=secrets.token_bytes(BODY_BYTES),
            made_at_ms=self._clock_ms(),
        )

    def _require(self, wanted: Wanted, verdict: Verdict) -> None:
        if isinstance(verdict, Refused):
            self._observer.refused(wanted, verdict)
            raise BudgetRefusedError(verdict, wanted.key, wanted.pot)


def draw(domain: str, vector: Vector, noise: Noise, delta: Fraction) -> Body:
    """Return a vector with noise on it, and what reaches the threshold beyond its domain.

    Args:
        domain: what the vector is of.
        vector: as it is.
        noise: for the vector and what is beyond it together.
        delta: of the threshold; 0: nothing beyond the domain is released.
    """
    body = Body(domain, vector.catalogue_version, noise.add(vector.counts))
    if not delta:
        return body
    threshold = threshold_for(noise, delta)
    keys, values = release_above(vector.other_keys, vector.other_counts, noise, threshold)
    order = np.argsort(keys)
    return replace(
        body, other_keys=keys[order], other_values=values[order], other_threshold=threshold
    )


def _portions(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """Divide work into transactions."""
    some: list[Wanted] = []
    weight = 0
    for each in wanted:
        if some and weight + each.weight > _VALUES_AT_ONCE:
            yield some
            some, weight = [], 0
        some.append(each)
        weight += each.weight
    if some:
        yield some
