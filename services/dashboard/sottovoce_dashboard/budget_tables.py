"""What was spent and on what, as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import pyarrow as pa

from sottovoce.client import BudgetPlan, BudgetShare, SliceBudget, TimeRange
from sottovoce_dashboard import wording

SPENT: Final = "spent"
STANDING: Final = "left for the plan"
RESERVE: Final = "left for questions"
ASIDE: Final = "set aside"
PARTS: Final = (SPENT, STANDING, RESERVE, ASIDE)
_STATISTICS: Final = {
    "genres": "Plays by genre, every pane",
    "countries": "Plays by country, every pane",
    "new-listeners": "New listeners, every pane",
    "tracks-live": "Top tracks, every few panes",
    "artists-live": "Top artists, every few panes",
    "tracks": "Plays by track, a slice",
    "artists": "Plays by artist, a slice",
    "tracks-by-listeners": "Listeners by track, a slice",
    "artists-by-listeners": "Listeners by artist, a slice",
    "features": "Audio features' correlation, a slice",
    "distinct-tracks": "Number of different tracks, a slice",
    "distinct-artists": "Number of different artists, a slice",
    "listeners-of-a-day": "Different listeners of a day",
}
_MECHANISMS: Final = {
    "discrete-laplace": "discrete Laplace",
    "discrete-gaussian": "discrete Gaussian",
}
_IN_UNITS_OF_ITS_OWN: Final = ("features",)


def by_slice(slices: Sequence[SliceBudget], length: timedelta) -> pa.Table:
    """Return a row for each slice and part of its epsilon; the parts of a slice are the whole."""
    rows = []
    for each in slices:
        left = {STANDING: each.standing_left, RESERVE: each.reserve_left}
        aside = max(0.0, each.allowed - each.spent - sum(left.values()))
        low = 0.0
        for part, epsilon in {SPENT: each.spent, **left, ASIDE: aside}.items():
            rows.append(
                {
                    "start": each.start.timestamp() * 1000,
                    "end": (each.start + length).timestamp() * 1000,
                    "low": low,
                    "high": low + epsilon,
                    "part": part,
                    "when": wording.time_range(TimeRange(each.start, each.start + length)),
                    "figure": f"{wording.epsilon(epsilon)} of {wording.epsilon(each.allowed)}",
                }
            )
            low += epsilon
    numbers, texts = ("start", "end", "low", "high"), ("part", "when", "figure")
    fields = [*((name, pa.float64()) for name in numbers), *((name, pa.string()) for name in texts)]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def plan(told: BudgetPlan) -> pa.Table:
    """Return what each statistic gets, the largest share first, the reserve last."""
    listed = sorted(told.standing, key=lambda each: -each.share)
    reserve = told.reserve / told.epsilon if told.epsilon else 0.0
    return pa.table(
        {
            "Released": [
                *(_STATISTICS.get(each.statistic, each.statistic) for each in listed),
                "Reserve for questions outside the plan",
            ],
            "Share (%)": [*(100 * each.share for each in listed), 100 * reserve],
            "Epsilon": [*(told.epsilon * each.share for each in listed), told.reserve],
            "Noise": [*(_MECHANISMS.get(each.mechanism, each.mechanism) for each in listed), ""],
            "Noise scale": pa.array([*(each.scale or None for each in listed), None], pa.float64()),
            "95 % within ±": [*(map(_within, listed)), ""],
        }
    )


def _within(share: BudgetShare) -> str:
    """Return how far a single number is off in 95 of 100 cases; empty where that says nothing."""
    if not share.scale or share.statistic in _IN_UNITS_OF_ITS_OWN:
        return ""
    deviations = 1.96 if share.mechanism == "discrete-gaussian" else math.log(20)
    return wording.count(deviations * share.scale)
