"""How a slice's epsilon is divided unless settings say otherwise, and how settings become law.

What a slice may spend stands in the ledger, written before the slice could be charged. A replica
that is started with other settings writes an allowance for slices to come; until then it goes by
what the ledger says, as every other replica does.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from sottovoce.data_sets import DataSet
from sottovoce.privacy import Allowance, Ledger, Opening, PlanError, ReleasePlan, Standing
from sottovoce_query.releases import statistic as statistics
from sottovoce_query.releases.statistic import STATISTICS, Statistic, Step

RESERVE: Final = "reserve"

LIVE_SHARES: Final[Mapping[str, float]] = MappingProxyType(
    {
        statistics.GENRES.name: 0.13,
        statistics.COUNTRIES.name: 0.07,
        statistics.NEW_LISTENERS.name: 0.05,
        statistics.TRACKS_LIVE.name: 0.15,
        statistics.ARTISTS_LIVE.name: 0.08,
        statistics.TRACKS.name: 0.12,
        statistics.ARTISTS.name: 0.07,
        statistics.TRACKS_BY_LISTENERS.name: 0.05,
        statistics.ARTISTS_BY_LISTENERS.name: 0.04,
        statistics.FEATURES.name: 0.06,
        statistics.DISTINCT_TRACKS.name: 0.03,
        statistics.DISTINCT_ARTISTS.name: 0.02,
        statistics.LISTENERS_OF_A_DAY.name: 0.03,
        RESERVE: 0.10,
    }
)
HISTORY_SHARES: Final[Mapping[str, float]] = MappingProxyType(
    {
        statistics.GENRES.name: 0.20,
        statistics.COUNTRIES.name: 0.10,
        statistics.NEW_LISTENERS.name: 0.05,
        statistics.TRACKS.name: 0.20,
        statistics.ARTISTS.name: 0.10,
        statistics.TRACKS_BY_LISTENERS.name: 0.05,
        statistics.ARTISTS_BY_LISTENERS.name: 0.04,
        statistics.FEATURES.name: 0.06,
        statistics.DISTINCT_TRACKS.name: 0.05,
        statistics.DISTINCT_ARTISTS.name: 0.05,
        RESERVE: 0.10,
    }
)


def plan_of(epsilon: float, delta: float, shares: Mapping[str, float]) -> ReleasePlan:
    """Return the plan that settings mean.

    Args:
        epsilon: of each slice.
        delta: of each slice.
        shares: parts of epsilon by statistic, and of the reserve.

    Raises:
        PlanError: no such statistic, or parts that don't fit together.
    """
    unknown = sorted(set(shares) - set(_standing()) - {RESERVE})
    if unknown:
        there = ", ".join([*_standing(), RESERVE])
        raise PlanError(f"no statistic {', '.join(unknown)} can have a share; there are: {there}")
    named = {name: share for name, share in shares.items() if name != RESERVE and share != 0}
    beyond = [name for name in named if STATISTICS[name].beyond]
    standing = [
        Standing(
            name,
            _exactly(share),
            STATISTICS[name].mechanism,
            Fraction(1, len(beyond)) if name in beyond else Fraction(0),
        )
        for name, share in named.items()
    ]
    return ReleasePlan.of(epsilon, delta, standing, _exactly(shares.get(RESERVE, 0.0)))


def _standing() -> dict[str, Statistic]:
    return {name: each for name, each in STATISTICS.items() if each.step is not Step.QUESTION}


def _exactly(share: float) -> Fraction:
    """The decimal that a person wrote: shares that add up to 1 on paper do so here."""
    return Fraction(repr(share))


def next_allowance(
    ledger: Ledger,
    opening: Opening,
    data_set: DataSet,
    plan: ReleasePlan,
    slices_per_day: int,
    reached_ms: int,
) -> Allowance | None:
    """Return the allowance that puts a plan into force as early as is right.

    Args:
        ledger: what holds.
        opening: its first record.
        data_set: whose slices.
        plan: what each may spend.
        slices_per_day: A, in how many slices of a day a listener counts.
        reached_ms: nothing that began before it may change: now, or the end of what is sealed.

    Returns:
        The allowance; None where the last one says the same.
    """
    latest = ledger.latest_allowance(data_set.name)
    name = data_set.name
    if latest is None:
        from_ms = _ceil(opening.horizon(name), data_set.slice_ms)
        return Allowance(opening.ledger, name, from_ms, plan, slices_per_day)
    if (latest.plan, latest.slices_per_day) == (plan, slices_per_day):
        return None
    floor_ms = max(latest.from_ms, ledger.frontier(name)) + data_set.slice_ms
    from_ms = max(_ceil(reached_ms, data_set.slice_ms), floor_ms)
    return Allowance(opening.ledger, name, from_ms, plan, slices_per_day)


def _ceil(time_ms: int, step_ms: int) -> int:
    return time_ms + -time_ms % step_ms
