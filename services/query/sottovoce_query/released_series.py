"""Series over time from releases: pane by pane, step by step of rankings, or slice by slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sottovoce.catalogue import UNKNOWN
from sottovoce.wire.countries import country_places
from sottovoce_query.errors import not_found
from sottovoce_query.figures import Noises
from sottovoce_query.gate import Series, Steps
from sottovoce_query.ranges import Range
from sottovoce_query.released import Part, Released, noise_of, together
from sottovoce_query.releases import statistic as statistics
from sottovoce_query.releases.shelf import Release
from sottovoce_query.releases.statistic import Statistic
from sottovoce_query.sums import value_at

type Grain = Literal["step", "slice"]


@dataclass(frozen=True, slots=True)
class _Step:
    start_ms: int
    count: int
    noises: Noises
    missing: int = 0


def released_series(released: Released, asked: Range, series: Series, grain: Grain) -> Steps:
    """Return a series, every step of it.

    Args:
        released: looks releases up.
        asked: on the grain.
        series: which one.
        grain: "step": panes, or the steps of rankings for tracks and artists.
    """
    released.prepare(_statistic(series), asked)
    of_part = _ranked_steps if series.is_ranked else _pane_steps
    every = [
        step for part in released.parts(asked) for step in of_part(released, part, series, grain)
    ]
    return Steps(
        np.array([step.start_ms for step in every], np.int64),
        np.array([step.count for step in every], np.int64),
        [step.noises for step in every],
        np.array([step.missing for step in every], np.int64),
    )


def _statistic(series: Series) -> Statistic:
    """What a series is drawn from, of whole slices."""
    match series.kind:
        case "new_listeners":
            return statistics.NEW_LISTENERS
        case "country":
            return statistics.COUNTRIES
        case "track":
            return statistics.TRACKS
        case "artist":
            return statistics.ARTISTS
        case _:
            return statistics.GENRES


def _pane_steps(released: Released, part: Part, series: Series, grain: Grain) -> Iterator[_Step]:
    rows, release = released.panes(_statistic(series), part)
    if series.kind == "country":
        rows = rows[:, np.unique(country_places(np.array(series.keys, np.uint32)))]
    elif series.kind == "genre":
        rows = rows[:, [name == series.name for name in released.genre_names(release)]]
    counts = rows.sum(axis=1, dtype=np.int64)
    panes, width = rows.shape
    if grain == "slice":
        yield _Step(part.slice_ms, int(counts.sum()), noise_of(release, width * panes))
        return
    noises, pane_ms = noise_of(release, width), released.data_set.pane_ms
    for place, count in enumerate(counts.tolist()):
        yield _Step(part.slice_ms + (part.first + place) * pane_ms, count, noises)


def _ranked_steps(released: Released, part: Part, series: Series, grain: Grain) -> Iterator[_Step]:
    artists = series.kind == "artist"
    first_ms = part.slice_ms + part.first * released.data_set.pane_ms
    if grain == "step":
        for number, release in enumerate(released.ranked_live(part, artists)):
            yield _value(released, release, series, first_ms + number * released.ranking_ms)
        return
    found = [
        _value(released, release, series, first_ms)
        for release in released.ranked(part, "plays", artists)
    ]
    yield _Step(
        first_ms,
        sum(step.count for step in found),
        together(step.noises for step in found),
        sum(step.missing for step in found),
    )


def _value(released: Released, release: Release, series: Series, start_ms: int) -> _Step:
    """A release's value of a track or an artist.

    Only what the public catalogue has can be a series: whether anybody played another track is not
    told.
    """
    catalogue = released.catalogue_of(release)
    keys = np.array(series.keys, np.uint64)
    if series.kind == "artist":
        places = np.flatnonzero(np.isin(catalogue.artist_keys, keys))
    else:
        rows = catalogue.rows(keys)
        places = np.unique(rows[rows != UNKNOWN])
    if not len(places):
        raise not_found(
            "NOT_IN_CATALOGUE",
            f"only {series.kind}s of the catalogue have series: this one is not in it",
        )
    count, summands, missing = value_at(release.body, places)
    return _Step(start_ms, count, noise_of(release, summands), missing)
