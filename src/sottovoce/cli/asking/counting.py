"""How many, and how it divides."""

from __future__ import annotations

import math
from typing import Annotated, Final

import typer

from sottovoce.cli.asking.connecting import connect
from sottovoce.cli.asking.output import figure, show
from sottovoce.cli.asking.ranges import parse_duration
from sottovoce.cli.asking.where import (
    DEFAULT_ADDRESS,
    AddressOption,
    DataSetOption,
    Where,
    with_where,
)
from sottovoce.cli.asking.which import (
    ArtistOption,
    CountryOption,
    GenreOption,
    NewListenersOption,
    TitleOption,
    TrackOption,
    which_series,
)
from sottovoce.cli.output import FormatOption, OutputFormat
from sottovoce.client import BadQuestion, Count, Distribution
from sottovoce.client.calls import SeriesGrain

_COUNT: Final = {"what": "Counted", "value": "Value", "lower": "At least", "upper": "At most"}
_SHARE: Final = {"name": "Name", "plays": "Plays", "share": "Share"}


@with_where
def distinct_listeners(*, where: Where) -> None:
    """Count different listeners, over whole slices."""
    answer = where.ask(
        "slice", lambda client, asked: client.distinct_listeners(where.data_set, asked)
    )
    _show_count(answer, "listeners", where.form)


@with_where
def distinct_tracks(*, where: Where) -> None:
    """Count different tracks, over whole slices."""
    answer = where.ask("slice", lambda client, asked: client.distinct_tracks(where.data_set, asked))
    _show_count(answer, "tracks", where.form)


@with_where
def distinct_artists(*, where: Where) -> None:
    """Count different artists, over whole slices."""
    answer = where.ask(
        "slice", lambda client, asked: client.distinct_artists(where.data_set, asked)
    )
    _show_count(answer, "artists", where.form)


def window(
    length: Annotated[str, typer.Argument(help="How far back: 10m, 24h, 30d.")],
    genre: GenreOption = "",
    country: CountryOption = "",
    artist: ArtistOption = "",
    track: TrackOption = "",
    title: TitleOption = "",
    new_listeners: NewListenersOption = False,
    data_set: DataSetOption = "live",
    form: FormatOption = OutputFormat.TABLE,
    address: AddressOption = DEFAULT_ADDRESS,
) -> None:
    """Sum a series over the last so many minutes, up to 30 days."""
    series, name = which_series(genre, country, artist, track, title, new_listeners)
    with connect(address) as client:
        answer = client.window(data_set, series, parse_duration(length, "LENGTH"))
    _show_count(answer, name, form)


@with_where
def series(
    *,
    where: Where,
    by: Annotated[str, typer.Option("--by", help="pane or slice.")] = "pane",
    genre: GenreOption = "",
    country: CountryOption = "",
    artist: ArtistOption = "",
    track: TrackOption = "",
    title: TitleOption = "",
    new_listeners: NewListenersOption = False,
) -> None:
    """Show a series, pane by pane or slice by slice."""
    which, name = which_series(genre, country, artist, track, title, new_listeners)
    grain: SeriesGrain
    if by == "pane":
        grain = "pane"
    elif by == "slice":
        grain = "slice"
    else:
        raise BadQuestion(f"--by: {by!r} is neither pane nor slice")
    ranked = which.kind in ("track", "artist")
    answer = where.ask(
        "ranking" if ranked and by == "pane" else grain,
        lambda client, asked: client.series(where.data_set, asked, which, grain),
    )
    rows = [
        {"start": f"{each.range.start:%Y-%m-%d %H:%M:%S}", "value": figure(each.value)}
        for each in answer.points
    ]
    show(answer, rows, {"start": f"{by.capitalize()} from (UTC)", "value": name}, where.form)


@with_where
def genres(*, where: Where) -> None:
    """Divide plays by genre."""
    answer = where.ask("pane", lambda client, asked: client.genres(where.data_set, asked))
    _show_distribution(answer, "Genre", where.form)


@with_where
def countries(*, where: Where) -> None:
    """Divide plays by country."""
    answer = where.ask("pane", lambda client, asked: client.countries(where.data_set, asked))
    _show_distribution(answer, "Country", where.form)


@with_where
def correlation(*, where: Where) -> None:
    """Show how audio features go together in what is played, over whole slices."""
    answer = where.ask("slice", lambda client, asked: client.correlation(where.data_set, asked))
    rows = [
        {"feature": name, **{each: _short(pair.value) for each, pair in zip(_letters(row), row)}}  # noqa: B905
        for name, row in zip(answer.features, answer.matrix, strict=True)
    ]
    columns = {"feature": "Feature"} | {
        letter: name[:8]
        for letter, name in zip(_letters(answer.features), answer.features)  # noqa: B905
    }
    show(answer, rows, columns, where.form)


def _letters(entries: tuple[object, ...]) -> list[str]:
    return [f"column{place}" for place in range(len(entries))]


def _short(value: float) -> str:
    return "" if math.isnan(value) else f"{value:+.2f}"


def _show_count(answer: Count, what: str, form: OutputFormat) -> None:
    count = answer.count
    row = {"what": what, "value": count.value, "lower": count.lower, "upper": count.upper}
    rounded = {
        key: round(value) if isinstance(value, float) and math.isfinite(value) else value
        for key, value in row.items()
    }
    show(answer, [rounded], _COUNT, form)


def _show_distribution(answer: Distribution, what: str, form: OutputFormat) -> None:
    rows = [
        {
            "name": each.name,
            "plays": figure(each.plays),
            "share": f"{100 * each.share.value:.1f} %",
        }
        for each in answer.shares
    ]
    show(answer, rows, _SHARE | {"name": what}, form)
