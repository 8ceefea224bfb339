"""Values such as the client returns."""

from datetime import UTC, datetime, timedelta

from sottovoce.client import (
    Basis,
    BudgetPlan,
    BudgetShare,
    DataSetStatus,
    Estimate,
    Point,
    SliceBudget,
    Status,
    TimeRange,
    TopEntry,
    Track,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=each) for each in (1, 60, 3_600, 86_400))


def live(**changes) -> DataSetStatus:
    told = {
        "name": "live",
        "pane": 2 * SECOND,
        "ranking": 10 * SECOND,
        "slice": 30 * SECOND,
        "shards": 3,
        "complete_through": NOON + 14 * SECOND,
        "first_slice": NOON - 10 * MINUTE,
        "last_slice": NOON - 30 * SECOND,
        "waits_for": "It waits.",
        "admitted": 1_000,
        "refused": {"late": 2},
        "committed_at": NOON + 15 * SECOND,
        "slices": 20,
    }
    return DataSetStatus(**told | changes)


def history(**changes) -> DataSetStatus:
    midnight = NOON.replace(hour=0)
    return live(
        **{
            "name": "history",
            "pane": HOUR,
            "ranking": DAY,
            "slice": DAY,
            "complete_through": midnight - 10 * DAY,
            "first_slice": midnight - 400 * DAY,
            "last_slice": midnight - 11 * DAY,
            **changes,
        }
    )


def status(*data_sets) -> Status:
    by_name = {each.name: each for each in data_sets}
    return Status("1.0", "enforced", by_name, "c" * 64, 40, epsilon=1.0, delta=1e-9)


def basis(start=NOON, end=NOON + MINUTE, versions=("0123456789abcdef",)) -> Basis:
    return Basis("live", TimeRange(start, end), "enforced", versions, 0.95, "")


def points(*values, length=2 * SECOND, start=NOON) -> list[Point]:
    return [
        Point(
            TimeRange(start + place * length, start + (place + 1) * length),
            Estimate(value, value - 1, value + 2),
        )
        for place, value in enumerate(values)
    ]


def track(name: str) -> Track:
    return Track(f"id-{name}", name, ("Somebody", "Guest"), "jazz", in_catalogue=True)


def top(*names, artists=False) -> list[TopEntry]:
    return [
        TopEntry(
            rank,
            None if artists else track(name),
            name if artists else "",
            Estimate(100.0 / rank, 90.0 / rank, 110.0 / rank),
        )
        for rank, name in enumerate(names, 1)
    ]


def slice_budget(place, spent=0.75) -> SliceBudget:
    return SliceBudget(NOON + place * MINUTE, 1.0, spent, 5e-10, 0.0625, 0.125)


def plan() -> BudgetPlan:
    standing = (
        BudgetShare("features", 0.25, "discrete-gaussian", 1_000.0),
        BudgetShare("genres", 0.5, "discrete-laplace", 40.0),
        BudgetShare("tracks-by-listeners", 0.125, "discrete-gaussian", 10.0),
    )
    return BudgetPlan(2.0, 1e-9, 0.25, 0.03125, 8, 20, standing)
