"""Releases of one data set: what is asked for is looked up, or made first."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from functools import partial
from typing import Final, Literal

import numpy as np

from sottovoce.data_sets import DataSet, TermsTimeline
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.ledger import Body, RealRow
from sottovoce.privacy import (
    Allowance,
    Noise,
    Pot,
    PrivacyParameterError,
    ReleaseKey,
    Standing,
)
from sottovoce.sketches import FlajoletMartin
from sottovoce.wire.countries import COUNTRY_CODES
from sottovoce_query.held import HeldCells
from sottovoce_query.merged_slice import Counts
from sottovoce_query.releases.engine import ReleaseEngine, Wanted, draw
from sottovoce_query.releases.exact import Exact, Vector
from sottovoce_query.releases.features import LENGTH
from sottovoce_query.releases.rows import real_rows
from sottovoce_query.releases.shelf import ROWS, Release, Shelf
from sottovoce_query.releases.statistic import Domain, Statistic, Step

RANKING_PANES: Final = 5
"""Live rankings are drawn every so many panes, or as many fewer as divide a slice."""
VALUES_OF_A_QUESTION: Final = 2_000_000
"""More new values than these, about a quarter of a minute of noise, no question makes at once."""
QUESTIONS_OF_A_RESERVE: Final = 8
"""An ad-hoc question takes this part of its slices' reserve."""


class NotReleasedError(LookupError):
    """A slice has no budget for a statistic, and never will.

    Attributes:
        slice_ms: the slice.
        why: whether the slice has no budget at all, or its plan none for this statistic.
    """

    def __init__(self, slice_ms: int, why: Literal["slice", "statistic"]) -> None:
        super().__init__(slice_ms, why)
        self.slice_ms = slice_ms
        self.why = why


class TooMuchAtOnceError(ValueError):
    """A question needs more new releases than may be made while somebody waits.

    Attributes:
        missing: how many.
        most: how many of these may be.
    """

    def __init__(self, missing: int, most: int) -> None:
        super().__init__(missing, most)
        self.missing = missing
        self.most = most


class Desk:
    """Looks releases up, and has those made that are not there.

    A data set by append time is drawn pane by pane, as panes become complete; one that is sealed by
    whole slices, all panes of a slice at once.

    Args:
        cells: tells terms and what is complete.
        exact: works out vectors.
        engine: makes releases.
        shelf: holds them.
    """

    def __init__(self, cells: HeldCells, exact: Exact, engine: ReleaseEngine, shelf: Shelf) -> None:
        self._cells = cells
        self._exact = exact
        self._engine = engine
        self._shelf = shelf
        self._touched: frozenset[int] = frozenset()
        self._rows_from_ms = 0

    @property
    def data_set(self) -> DataSet:
        """Whose releases."""
        return self._cells.data_set

    @property
    def terms(self) -> TermsTimeline:
        """The terms of its slices."""
        return self._cells.terms

    @property
    def revision(self) -> int:
        """Grows when releases were thinned or taken back."""
        return self._shelf.revision

    @property
    def ranking_panes(self) -> int:
        """How many panes a draw of a live ranking has."""
        panes = self.data_set.panes_per_slice
        if not self.data_set.by_append_time:
            return panes
        return max(each for each in range(1, RANKING_PANES + 1) if panes % each == 0)

    def allowance(self, slice_ms: int) -> Allowance | None:
        """Return what a slice may spend; None for one without a budget."""
        return self._engine.ledger.allowance(self.data_set.name, slice_ms)

    def standing(self, statistic: Statistic, slice_ms: int) -> Standing | None:
        """Return a slice's share for a statistic; None where it has none, or none that is enough.

        A share is not enough where C is so large that no noise of a known size would do.
        """
        allowance = self.allowance(slice_ms)
        if allowance is None:
            return None
        shares = {each.statistic: each for each in allowance.plan.standing}
        share = shares.get(statistic.name)
        if share is not None:
            try:
                self._noise(allowance, statistic, (slice_ms,))
            except PrivacyParameterError:
                return None
        return share

    def _noise(self, allowance: Allowance, statistic: Statistic, slices: Iterable[int]) -> Noise:
        bound = max(self.terms.at(each).listens_per_slice for each in slices)
        return allowance.plan.noise(statistic.name, statistic.sensitivity(bound))

    def draws(
        self, statistic: Statistic, slice_ms: int, numbers: Iterable[int | None]
    ) -> list[Release]:
        """Return draws of a statistic of a slice.

        Raises:
            NotReleasedError: the slice has no budget for it.
            BudgetRefusedError: its budget is spent.
            TooMuchAtOnceError: too many of them are not there yet.
        """
        return self.releases([(statistic, slice_ms, number) for number in numbers])

    def releases(self, asked: Iterable[tuple[Statistic, int, int | None]]) -> list[Release]:
        """Return releases by statistic, slice and draw, in the order asked; see `draws`."""
        keys = [(self._key(*each), each) for each in asked]
        found = [self._shelf.get(key) for key, _ in keys]
        missing = [each for (_, each), release in zip(keys, found, strict=True) if release is None]
        if missing:
            wanted = [self.wanted(*each) for each in missing]
            weight = sum(each.weight for each in wanted)
            if weight > VALUES_OF_A_QUESTION:
                raise TooMuchAtOnceError(
                    len(wanted), max(1, VALUES_OF_A_QUESTION * len(wanted) // weight)
                )
            self._engine.make(wanted)
            found = [self._shelf.get(key) for key, _ in keys]
        return [release for release in found if release is not None]

    def panes(
        self, statistic: Statistic, slice_ms: int, first: int, stop: int
    ) -> tuple[Counts, Release]:
        """Return panes [first, stop) of a slice as rows, and a release that tells their noise.

        Raises:
            NotReleasedError: the slice has no budget for it.
        """
        if self.data_set.by_append_time:
            drawn = self.draws(statistic, slice_ms, range(first, stop))
            return np.stack([each.body.values for each in drawn]).astype(np.int64), drawn[0]
        (whole,) = self.draws(statistic, slice_ms, [None])
        panes = self.data_set.panes_per_slice
        return whole.body.values.reshape(panes, -1)[first:stop].astype(np.int64), whole

    def wanted(self, statistic: Statistic, slice_ms: int, number: int | None) -> Wanted:
        """Return a standing release as what shall be made.

        Raises:
            NotReleasedError: the slice has no budget for it.
        """
        allowance, share = self.allowance(slice_ms), self.standing(statistic, slice_ms)
        if allowance is None or share is None:
            raise NotReleasedError(slice_ms, "slice" if allowance is None else "statistic")
        key = self._key(statistic, slice_ms, number)
        try:
            noise = self._noise(allowance, statistic, key.slices)
        except PrivacyParameterError as error:
            raise NotReleasedError(slice_ms, "statistic") from error
        delta = allowance.plan.threshold_delta(statistic.name)
        return Wanted(
            key=key,
            noise=noise,
            pot=Pot.STANDING,
            delta=delta,
            draw=lambda: draw(statistic.domain.value, self._vector(statistic, key), noise, delta),
            weight=self._weight(statistic, slice_ms),
        )

    def of_union(self, statistic: Statistic, slices: tuple[int, ...]) -> Release:
        """Return an ad-hoc release over slices, each of which pays from its reserve.

        Raises:
            NotReleasedError: a slice has no budget, or no reserve.
            BudgetRefusedError: a slice's reserve is spent.
        """
        reserves = []
        for slice_ms in slices:
            allowance = self.allowance(slice_ms)
            if allowance is None or not allowance.budget.reserve:
                raise NotReleasedError(slice_ms, "slice" if allowance is None else "statistic")
            reserves.append(allowance.budget.reserve)
        epsilon = min(reserves) / QUESTIONS_OF_A_RESERVE
        bound = max(self.terms.at(each).listens_per_slice for each in slices)
        noise = Noise.laplace(epsilon, statistic.sensitivity(bound))
        key = ReleaseKey(self.data_set.name, slices, statistic.name, f"scale={noise.scale!r}")
        if self._shelf.get(key) is None:
            body = partial(self._union, statistic, key, noise)
            self._engine.make([Wanted(key, noise, Pot.RESERVE, Fraction(0), body)])
        found = self._shelf.get(key)
        assert found is not None  # it holds, so it was read back
        return found

    def _union(self, statistic: Statistic, key: ReleaseKey, noise: Noise) -> Body:
        vector = self._exact.vector(statistic, key.slices, 0, 0)
        return draw(statistic.domain.value, vector, noise, Fraction(0))

    def rows(self, slice_ms: int, k: int) -> tuple[RealRow, ...] | None:
        """Return a slice's real rows, frozen when first asked for; None where they were taken back.

        They cost nothing, for no budget counts them; a slice without a budget has none all the
        same.

        Raises:
            NotReleasedError: the slice has no budget.
        """
        if self.allowance(slice_ms) is None:
            raise NotReleasedError(slice_ms, "slice")
        if slice_ms in self._touched or slice_ms < self._rows_from_ms:
            return None
        key = ReleaseKey(self.data_set.name, (slice_ms,), ROWS, f"k={k}")
        if self._shelf.get(key) is None and not self._engine.ledger.holds(key):
            body = partial(self._rows, slice_ms, k)
            self._engine.make([Wanted(key, None, Pot.RESERVE, Fraction(0), body)])
        found = self._shelf.get(key)
        return None if found is None else found.body.rows

    def _rows(self, slice_ms: int, k: int) -> Body:
        catalogue = self._exact.catalogue_of(slice_ms)
        rows = real_rows(self._cells.slice(slice_ms), catalogue, k)
        return Body(ROWS, self._cells.catalogue_version(slice_ms), rows=rows)

    @property
    def rows_put(self) -> int:
        """How many samples of real rows were read, of all data sets, ever."""
        return self._shelf.rows_put

    def slices_with_rows(self) -> list[int]:
        """Return the slices whose real rows are held."""
        return self._shelf.slices_with_rows(self.data_set.name)

    def close_to_rows(self, touched: Iterable[int], from_ms: int) -> None:
        """Give no real rows any more of slices that erasures touched, or that began too early."""
        self._touched, self._rows_from_ms = frozenset(touched), from_ms

    def withdraw_rows(self, slices: Iterable[int]) -> int:
        """Take back the real rows of slices that an erasure touches; return how many bodies."""
        names = self._shelf.names_of_rows(self.data_set.name, frozenset(slices))
        if names:
            self._engine.withdraw(names)
        return len(names)

    def day(self, slice_ms: int) -> tuple[int, ...]:
        """Return the slices of the UTC day that a slice lies in."""
        begin = slice_ms - slice_ms % DAY_MS
        return tuple(range(begin, begin + DAY_MS, self.data_set.slice_ms))

    def holds(self, statistic: Statistic, slice_ms: int, number: int | None) -> bool:
        """Return whether a release was made."""
        return self._engine.ledger.holds(self._key(statistic, slice_ms, number))

    def _key(self, statistic: Statistic, slice_ms: int, number: int | None) -> ReleaseKey:
        slices: tuple[int, ...] = (slice_ms,)
        parameters = ""
        if statistic.step is Step.DAY:
            slices = self.day(slice_ms)
        elif statistic.step is Step.PANE:
            parameters = "panes=1"
        elif statistic.step is Step.RANKING:
            parameters = f"panes={self.ranking_panes}"
        return ReleaseKey(self.data_set.name, slices, statistic.name, parameters, number)

    def _vector(self, statistic: Statistic, key: ReleaseKey) -> Vector:
        panes = self.data_set.panes_per_slice
        if statistic.step is Step.RANKING and key.draw is not None:
            first, stop = key.draw * self.ranking_panes, (key.draw + 1) * self.ranking_panes
        elif statistic.step is Step.PANE and key.draw is not None:
            first, stop = key.draw, key.draw + 1
        elif statistic.step is Step.PANE:
            return self._pane_by_pane(statistic, key)
        else:
            first, stop = 0, panes
        return self._exact.vector(statistic, key.slices, first, stop)

    def _pane_by_pane(self, statistic: Statistic, key: ReleaseKey) -> Vector:
        rows = [
            self._exact.vector(statistic, key.slices, pane, pane + 1)
            for pane in range(self.data_set.panes_per_slice)
        ]
        return Vector(np.concatenate([each.counts for each in rows]), rows[0].catalogue_version)

    def _weight(self, statistic: Statistic, slice_ms: int) -> int:
        catalogue = self._exact.catalogue_of(slice_ms)
        match statistic.domain:
            case Domain.GENRES:
                size = len(catalogue.genres) + 1
            case Domain.COUNTRIES:
                size = len(COUNTRY_CODES)
            case Domain.TRACKS:
                size = len(catalogue)
            case Domain.ARTISTS:
                size = len(catalogue.artist_keys)
            case Domain.OCCUPANCY:
                size = FlajoletMartin().levels
            case Domain.FEATURES:
                size = LENGTH
            case Domain.ONE:
                size = 1
        at_once = statistic.step is Step.PANE and not self.data_set.by_append_time
        return size * self.data_set.panes_per_slice if at_once else size
