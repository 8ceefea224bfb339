"""Sums of what became of plays."""

from __future__ import annotations

from typing import Final

from sottovoce.wire.v1 import producer_pb2

OUTCOMES: Final = (
    "taken",
    "duplicate",
    "over_listens_per_slice",
    "over_slices_per_day",
    "too_late",
    "future",
    "malformed",
    "foreign",
    "resting",
)
"""What can become of a play besides being filtered: the fields of `PlayCounts` that add up."""


def add_counts(total: producer_pb2.PlayCounts, more: producer_pb2.PlayCounts) -> None:
    """Add `more` to `total`."""
    for name in (*OUTCOMES, "rerouted"):
        setattr(total, name, getattr(total, name) + getattr(more, name))
    by_filter = {each.filter: each for each in total.filtered}
    for each in more.filtered:
        if each.filter in by_filter:
            by_filter[each.filter].count += each.count
        else:
            total.filtered.add(filter=each.filter, count=each.count)


def outcomes(counts: producer_pb2.PlayCounts) -> dict[str, int]:
    """Return how many plays ended each way, filters by "filtered: NAME"; zeros left out."""
    named = {name: getattr(counts, name) for name in OUTCOMES}
    named.update({f"filtered: {each.filter}": each.count for each in counts.filtered})
    return {name: count for name, count in named.items() if count}
