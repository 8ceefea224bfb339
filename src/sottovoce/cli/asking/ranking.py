"""What is played most, what was played, and what it looks like."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

import typer

from sottovoce.cli.asking.output import figure, moment, show
from sottovoce.cli.asking.where import SizeOption, Where, with_where
from sottovoce.cli.asking.which import ArtistOption, TitleOption, which_track
from sottovoce.cli.output import OutputFormat
from sottovoce.client import BadQuestion, Top
from sottovoce.client.calls import By

ByOption = Annotated[str, typer.Option("--by", help="plays or listeners.")]
TracksArgument = Annotated[
    list[str] | None, typer.Argument(help="Spotify ids.", show_default=False)
]

_SAMPLE: Final = ("end", "track", "genre", "played", "country", "skipped")


@with_where
def top_tracks(*, where: Where, by: ByOption = "plays", size: SizeOption = 10) -> None:
    """Rank tracks; by listeners over whole slices."""
    measure = _measure(by)
    answer = where.ask(
        "ranking" if measure == "plays" else "slice",
        lambda client, asked: client.top_tracks(where.data_set, asked, by=measure, size=size),
    )
    _show_top(answer, "Track", by, where.form)


@with_where
def top_artists(*, where: Where, by: ByOption = "plays", size: SizeOption = 10) -> None:
    """Rank artists; by listeners over whole slices."""
    measure = _measure(by)
    answer = where.ask(
        "ranking" if measure == "plays" else "slice",
        lambda client, asked: client.top_artists(where.data_set, asked, by=measure, size=size),
    )
    _show_top(answer, "Artist", by, where.form)


@with_where
def played(
    *,
    where: Where,
    tracks: TracksArgument = None,
    artist: ArtistOption = "",
    title: TitleOption = "",
) -> None:
    """Say whether tracks were played."""
    wanted = [which_track(each, "", "") for each in tracks or ()]
    if artist or title or not wanted:
        wanted.append(which_track("", artist, title))
    answer = where.ask(
        "ranking", lambda client, asked: client.played(where.data_set, asked, wanted)
    )
    rows = [
        {"track": ref.spotify_id or f"{ref.artist}: {ref.title}", "played": "yes" if hit else "no"}
        for ref, hit in answer.tracks
    ]
    show(answer, rows, {"track": "Track", "played": "Played"}, where.form)


@with_where
def sample(*, where: Where, size: SizeOption = 20) -> None:
    """Show listens that look like the crowd's, over whole slices."""
    answer = where.ask("slice", lambda client, asked: client.sample(where.data_set, asked, size))
    rows = [
        {
            "end": moment(each.end_time),
            "track": str(each.track),
            "genre": each.track.genre,
            "played": _seconds(each.played),
            "country": each.country,
            "skipped": "" if each.skipped is None else "yes" if each.skipped else "no",
        }
        for each in answer.listens
    ]
    show(answer, rows, {key: key.capitalize() for key in _SAMPLE}, where.form)


def _seconds(length: timedelta | None) -> str:
    return "" if length is None else f"{length.total_seconds():.0f} s"


def _measure(by: str) -> By:
    if by == "plays":
        return "plays"
    if by == "listeners":
        return "listeners"
    raise BadQuestion(f"--by: {by!r} is neither plays nor listeners")


def _show_top(answer: Top, what: str, by: str, form: OutputFormat) -> None:
    rows = [
        {
            "rank": each.rank,
            "name": each.name,
            "genre": each.track.genre if each.track else "",
            "count": figure(each.count),
        }
        for each in answer.entries
    ]
    columns = {"rank": "#", "name": what, "genre": "Genre", "count": by.capitalize()}
    if what == "Artist":
        del columns["genre"]
    show(answer, rows, columns, form)
