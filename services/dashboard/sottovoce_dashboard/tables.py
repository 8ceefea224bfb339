"""Answers as tables that charts are drawn from: one row a mark, tooltips put into words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import pyarrow as pa

from sottovoce.client import (
    Correlation,
    Distribution,
    Estimate,
    Point,
    SampledListen,
    Series,
    Share,
    Similar,
    TimeRange,
)
from sottovoce_dashboard import wording

MOST_POINTS = 720
OTHERS = "all others"


def thin(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """Add up neighbouring points until there are at most so many.

    The bounds add up too, so an interval never gets too narrow. What is left over at the start is
    left out, so that all points compare.
    """
    size = -(-len(points) // most) if points else 1
    if size == 1:
        return list(points)
    first = len(points) % size
    return [_sum(points[start : start + size]) for start in range(first, len(points), size)]


def _sum(points: Sequence[Point]) -> Point:
    return Point(
        TimeRange(points[0].range.start, points[-1].range.end),
        Estimate(
            sum(each.value.value for each in points),
            sum(each.value.lower for each in points),
            sum(each.value.upper for each in points),
        ),
    )


def over_time(points: Iterable[Point]) -> pa.Table:
    """Return a series: `at` in the middle of each point's range, `value`, `lower`, `upper`."""
    rows = [
        {
            "start": each.range.start.timestamp() * 1000,
            "end": each.range.end.timestamp() * 1000,
            "at": (each.range.start + each.range.length / 2).timestamp() * 1000,
            "value": float(each.value.value),
            "lower": float(each.value.lower),
            "upper": float(each.value.upper),
            "when": wording.time_range(each.range),
            "figure": wording.count(each.value.value),
            "interval": wording.interval(each.value),
        }
        for each in points
    ]
    return _table(
        rows,
        numbers=("start", "end", "at", "value", "lower", "upper"),
        texts=("when", "figure", "interval"),
    )


def by_length(sums: Iterable[tuple[timedelta, Estimate]]) -> pa.Table:
    """Return sums over windows of several lengths: `seconds` and the sum."""
    rows = [
        {
            "seconds": length.total_seconds(),
            "value": float(each.value),
            "lower": float(each.lower),
            "upper": float(each.upper),
            "when": f"last {wording.length(length)}",
            "figure": wording.count(each.value),
            "interval": wording.interval(each),
        }
        for length, each in sums
    ]
    return _table(
        rows,
        numbers=("seconds", "value", "lower", "upper"),
        texts=("when", "figure", "interval"),
    )


def shares(distribution: Distribution, most: int) -> pa.Table:
    """Return the largest shares, the rest as one row, the largest first."""
    listed = list(distribution.shares)
    if len(listed) > most:
        listed = [*listed[: most - 1], _rest(listed[most - 1 :], distribution.total.value)]
    rows = [
        {
            "order": place,
            "name": each.name,
            "percent": 100 * each.share.value,
            "lower": 100 * each.share.lower,
            "upper": 100 * each.share.upper,
            "label": wording.share(each.share.value),
            "figure": wording.count(each.plays.value),
            "interval": wording.interval(each.plays),
        }
        for place, each in enumerate(listed)
    ]
    return _table(
        rows,
        numbers=("order", "percent", "lower", "upper"),
        texts=("name", "label", "figure", "interval"),
    )


def _rest(listed: Sequence[Share], total: float) -> Share:
    plays = Estimate(
        sum(each.plays.value for each in listed),
        sum(each.plays.lower for each in listed),
        sum(each.plays.upper for each in listed),
    )
    of = total or 1.0
    return Share(
        f"{OTHERS} ({len(listed)})",
        plays,
        Estimate(plays.value / of, plays.lower / of, plays.upper / of),
    )


def correlations(answer: Correlation) -> pa.Table:
    """Return a row for each pair of features; those without a figure have a null."""
    rows = []
    for i, first in enumerate(answer.features):
        for j, second in enumerate(answer.features):
            pair = answer.matrix[i][j]
            known = not math.isnan(pair.value)
            rows.append(
                {
                    "row": feature(first),
                    "column": feature(second),
                    "r": pair.value if known else None,
                    "width": pair.upper - pair.lower if known else None,
                    "label": f"{pair.value:z.2f}".replace("-", "\N{MINUS SIGN}") if known else "",
                    "interval": (
                        f"{pair.lower:.3f} to {pair.upper:.3f}".replace("-", "\N{MINUS SIGN}")
                        if known
                        else "one of the two does not vary in what was played"
                    ),
                }
            )
    return _table(rows, numbers=("r", "width"), texts=("row", "column", "label", "interval"))


def strongest(answer: Correlation) -> list[tuple[str, str, Estimate]]:
    """Return the pairs of different features, the strongest correlation first."""
    pairs = [
        (feature(answer.features[i]), feature(answer.features[j]), answer.matrix[i][j])
        for i in range(len(answer.features))
        for j in range(i)
        if not math.isnan(answer.matrix[i][j].value)
    ]
    return sorted(pairs, key=lambda pair: -abs(pair[2].value))


def feature(name: str) -> str:
    """Return the name of an audio feature as people write it."""
    return name.replace("_ms", "").replace("_", " ")


def similar(answer: Similar) -> pa.Table:
    """Return the similar tracks, the most similar first."""
    rows = [
        {
            "order": place,
            "name": str(track),
            "genre": track.genre,
            "cosine": cosine,
            "lower": cosine,
            "upper": cosine,
            "label": f"{cosine:.3f}",
        }
        for place, (track, cosine) in enumerate(answer.similar)
    ]
    numbers = ("order", "cosine", "lower", "upper")
    return _table(rows, numbers=numbers, texts=("name", "genre", "label"))


def sample(listens: Iterable[SampledListen]) -> pa.Table:
    """Return sampled listens, the newest first; without the columns that nothing is known of."""
    ordered = sorted(listens, key=lambda each: each.end_time, reverse=True)
    skipped = {True: "yes", False: "no", None: ""}
    table = pa.table(
        {
            "Ended (UTC)": pa.array([each.end_time for each in ordered], pa.timestamp("ms", "UTC")),
            "Title": [each.track.title or each.track.id for each in ordered],
            "Artists": [", ".join(each.track.artists) for each in ordered],
            "Genre": [each.track.genre for each in ordered],
            "Country": [each.country for each in ordered],
            "Played (s)": pa.array(
                [None if each.played is None else each.played.total_seconds() for each in ordered],
                pa.float64(),
            ),
            "Skipped": [skipped[each.skipped] for each in ordered],
        }
    )
    known = {
        "Played (s)": any(each.played is not None for each in ordered),
        "Skipped": any(each.skipped is not None for each in ordered),
    }
    return table.drop_columns([name for name, is_known in known.items() if not is_known])


def series_name(series: Series) -> str:
    """Return what a series counts, such as "Plays in jazz"."""
    match series.kind:
        case "all":
            return "Plays"
        case "new_listeners":
            return "Listeners new in their slice"
        case "genre":
            return f"Plays in the genre {series.name}"
        case "country":
            return f"Plays in the country {series.name}"
        case "artist":
            return f"Plays of {series.name}"
        case "track":
            return f"Plays of {series.name}" if series.name else "Plays of a track"


def _table(
    rows: Sequence[Mapping[str, object]], numbers: Sequence[str], texts: Sequence[str]
) -> pa.Table:
    # A schema of its own, so that no rows still give all columns, and no integer gets 64 bits,
    # which browsers take for something else than a number.
    fields = [*((name, pa.float64()) for name in numbers), *((name, pa.string()) for name in texts)]
    return pa.Table.from_pylist([dict(each) for each in rows], schema=pa.schema(fields))
