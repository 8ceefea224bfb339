"""The mode enforced, put together: the ledger's log, the shelf, and a desk for each data set."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

from sottovoce.data_sets import DataSet
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.kafka.errors import MissingTopicError
from sottovoce.privacy import ReleasePlan
from sottovoce.service.logging import get_logger
from sottovoce_query.enforced import EnforcedGate
from sottovoce_query.held import HeldCells
from sottovoce_query.releases.desk import Desk
from sottovoce_query.releases.engine import Observer, ReleaseEngine, ReleaseLog
from sottovoce_query.releases.exact import Exact
from sottovoce_query.releases.plans import next_allowance, plan_of
from sottovoce_query.releases.shelf import Shelf
from sottovoce_query.releases.standing import StandingReleases
from sottovoce_query.releases.withdrawing import Withdrawals
from sottovoce_query.settings import QuerySettings
from sottovoce_query.tracks import TrackBook

_TIDY_SECONDS: Final = 60.0
_WHOLE_MS: Final = DAY_MS
"""So long vectors of live slices are kept whole."""
_KEPT_MS: Final = 31 * DAY_MS
"""So long releases of live slices are kept in memory: the longest window and a day."""
_THIN_DEVIATIONS: Final = 2.0


class Releasing:
    """Releases what is due and what is asked for; one for the process.

    Args:
        settings: what slices may spend.
        cells: of each data set.
        book: what tracks mean.
        log: the ledger and the releases.
        shelf: is given what the log holds.
        observer: is told of each release.

    Raises:
        PlanError: the settings' shares don't fit together.
    """

    def __init__(
        self,
        settings: QuerySettings,
        cells: Mapping[str, HeldCells],
        book: TrackBook,
        log: ReleaseLog,
        shelf: Shelf,
        observer: Observer | None = None,
    ) -> None:
        self._settings = settings
        self._cells = cells
        self._plans = {name: _plan(settings, each.data_set) for name, each in cells.items()}
        self.shelf = shelf
        self._log = log
        self.engine = ReleaseEngine(log, observer)
        self.desks = {
            name: Desk(each, Exact(each, book), self.engine, self.shelf)
            for name, each in cells.items()
        }
        self._standing = {
            name: StandingReleases(each, self.desks[name], self.engine)
            for name, each in cells.items()
            if each.data_set.by_append_time
        }
        self._withdrawals = {
            name: Withdrawals(each, self.desks[name]) for name, each in cells.items()
        }
        self.gates = {name: self._gate(name, book) for name in cells}
        self._tidied = 0.0

    def _gate(self, name: str, book: TrackBook) -> EnforcedGate:
        cells, desk = self._cells[name], self.desks[name]
        standing = self._standing.get(name)
        k = self._settings.privacy_k if self._settings.privacy_real_rows else 0
        if standing is not None:
            return EnforcedGate(
                cells, desk, book, lambda: standing.through_ms, lambda: standing.first_ms, k
            )
        return EnforcedGate(
            cells, desk, book, lambda: cells.complete_through_ms, lambda: self._horizon_ms(name), k
        )

    @property
    def on_the_clock(self) -> set[str]:
        """Data sets that advance when their standing releases are made."""
        return set(self._standing)

    @property
    def epsilon(self) -> float:
        """What each slice to come may spend."""
        return self._settings.privacy_epsilon

    @property
    def delta(self) -> float:
        """The delta at which sums of concentrated charges are told."""
        return self._settings.privacy_delta

    def _horizon_ms(self, name: str) -> int:
        opening = self.engine.ledger.opening
        return 0 if opening is None else opening.horizon(name)

    def catch_up(self) -> None:
        """Read the ledger, and write into it what settings say of slices to come.

        Raises:
            MissingTopicError: nobody opened the ledger.
            TornLedgerError: it lost records.
        """
        self._log.catch_up()
        self.allow()
        opening = self.engine.ledger.opening
        assert opening is not None
        get_logger().info(
            "read the ledger",
            ledger=opening.ledger.hex(),
            charges=len(self.engine.ledger),
            releases=len(self.shelf),
        )

    def allow(self) -> None:
        """Write an allowance for each data set whose last one differs from the settings."""
        ledger, opening = self.engine.ledger, self.engine.ledger.opening
        if opening is None:
            raise MissingTopicError(
                "the ledger was never opened: run `sottovoce topics create` first"
            )
        now_ms = time.time_ns() // 1_000_000
        new = []
        for name, cells in self._cells.items():
            live = cells.data_set.by_append_time
            reached_ms = max(now_ms if live else 0, cells.complete_through_ms)
            terms = list(cells.terms)
            allowance = next_allowance(
                ledger,
                opening,
                cells.data_set,
                self._plans[name],
                terms[-1].slices_per_day,
                reached_ms,
            )
            if allowance is not None:
                new.append(allowance)
        if new:
            with self.engine.locked():
                self._log.allow(new)

    def follow(self) -> set[str]:
        """Read what others released, make some of what is due; return which data sets advanced."""
        self.engine.follow()
        advanced = {name for name, each in self._standing.items() if each.keep_up()}
        if time.monotonic() - self._tidied > _TIDY_SECONDS:
            self._tidied = time.monotonic()
            self._tidy()
        return advanced

    def withdraw(self, touched: Callable[[str], Collection[int]]) -> int:
        """Take the real rows back that must not stand; return how many samples.

        Args:
            touched: tells the slices of a data set of which any erasure rebuilt a cell.

        Raises:
            FatalWriteError: the outcome is unknown: the process must end.
        """
        return sum(each.follow(touched(name)) for name, each in self._withdrawals.items())

    def _tidy(self) -> None:
        """Let go of what is too old to be whole, or to be in memory at all."""
        thinner = {}
        for name, cells in self._cells.items():
            through_ms = cells.complete_through_ms
            whole_ms = _WHOLE_MS if cells.data_set.by_append_time else 0
            thinner.update(self.shelf.thin(name, through_ms - whole_ms, _THIN_DEVIATIONS))
            if cells.data_set.by_append_time:
                self.shelf.drop_before(name, through_ms - _KEPT_MS)
        if thinner:
            with self.engine.locked():
                self._log.rewrite(thinner)

    def close(self) -> None:
        """Let go of the connection."""
        self._log.close()


def _plan(settings: QuerySettings, data_set: DataSet) -> ReleasePlan:
    live = data_set.by_append_time
    shares = settings.privacy_live_shares if live else settings.privacy_history_shares
    return plan_of(settings.privacy_epsilon, settings.privacy_delta, shares)
