"""Values such as the client returns."""

from datetime import UTC, datetime, timedelta

from sottovoce.client import (
    Basis,
    DataSetStatus,
    Estimate,
    Point,
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
        "slice": 30 * SECOND,
        "shards": 3,
        "complete_through": NOON + 14 * SECOND,
        "first_slice": NOON - 10 * MINUTE,
        "last_slice": NOON,
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
            "slice": DAY,
            "complete_through": midnight - 10 * DAY,
            "first_slice": midnight - 400 * DAY,
            "last_slice": midnight - 20 * DAY,
            **changes,
        }
    )


def status(*data_sets) -> Status:
    return Status("1.0", "open", {each.name: each for each in data_sets}, "c" * 64, 40)


def basis(start=NOON, end=NOON + MINUTE, versions=("0123456789abcdef",)) -> Basis:
    return Basis("live", TimeRange(start, end), "open", versions, 0.95, "")


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
