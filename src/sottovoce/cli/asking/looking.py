"""The catalogue, the state of the service, and the live view."""

from __future__ import annotations

import json
from typing import Annotated, Final

import typer

from sottovoce.cli.asking.connecting import connect
from sottovoce.cli.asking.output import figure, moment, plain, show
from sottovoce.cli.asking.ranges import parse_duration
from sottovoce.cli.asking.where import (
    DEFAULT_ADDRESS,
    AddressOption,
    DataSetOption,
    SizeOption,
)
from sottovoce.cli.asking.which import ArtistOption, TitleOption, which_track
from sottovoce.cli.output import FormatOption, OutputFormat, print_json, print_rows
from sottovoce.client import Trend, Trends

_TRACK: Final = {"id": "Id", "track": "Track", "genre": "Genre"}
_STATUS: Final = {
    "name": "Data set",
    "complete_through": "Complete through",
    "slices": "Slices",
    "admitted": "Listens",
    "refused": "Refused",
    "waits_for": "Waits for",
}


def similar(
    track: Annotated[str, typer.Argument(help="A Spotify id.")] = "",
    artist: ArtistOption = "",
    title: TitleOption = "",
    size: SizeOption = 10,
    form: FormatOption = OutputFormat.TABLE,
    address: AddressOption = DEFAULT_ADDRESS,
) -> None:
    """Find tracks that sound like one."""
    with connect(address) as client:
        answer = client.similar(which_track(track, artist, title), size)
    rows = [
        {"id": each.id, "track": str(each), "genre": each.genre, "similarity": f"{cosine:.3f}"}
        for each, cosine in answer.similar
    ]
    show(answer, rows, _TRACK | {"similarity": "Similarity"}, form)
    if form is OutputFormat.TABLE:
        typer.echo(f"Like {answer.track}, by the features of the catalogue.")


def search(
    words: Annotated[list[str], typer.Argument(help="Words of the title and the artists.")],
    size: SizeOption = 10,
    form: FormatOption = OutputFormat.TABLE,
    address: AddressOption = DEFAULT_ADDRESS,
) -> None:
    """Find tracks of the catalogue by words."""
    with connect(address) as client:
        answer = client.search(" ".join(words), size)
    rows = [{"id": each.id, "track": str(each), "genre": each.genre} for each in answer.tracks]
    show(answer, rows, _TRACK, form)
    if not rows and form is OutputFormat.TABLE:
        typer.echo("No track of the catalogue has all of these words.")


def status(
    form: FormatOption = OutputFormat.TABLE, address: AddressOption = DEFAULT_ADDRESS
) -> None:
    """Say what is complete through when, and why it waits."""
    with connect(address) as client:
        answer = client.status()
    if form is OutputFormat.JSON:
        print_json(plain(answer))
        return
    rows = [
        {
            "name": each.name,
            "complete_through": moment(each.complete_through) or "nothing yet",
            # True totals are for operators; who may not see them gets zeros.
            "slices": each.slices or None,
            "admitted": each.admitted or None,
            "refused": ", ".join(f"{count:,} {name}" for name, count in each.refused.items()),
            "waits_for": each.waits_for,
        }
        for each in answer.data_sets.values()
    ]
    print_rows(rows, _STATUS, form)
    catalogue = (
        f"catalogue {answer.catalogue_version[:12]} with {answer.catalogue_tracks:,} tracks"
        if answer.catalogue_version
        else "no catalogue in use (`sottovoce catalogue import FILE --use`)"
    )
    spends = f" (epsilon {answer.epsilon:g} a slice, delta {answer.delta:g})"
    mode = f"{answer.privacy_mode}{spends if answer.epsilon else ''}"
    typer.echo(f"Version {answer.version}, privacy mode {mode}, {catalogue}.")


def trends(
    window: Annotated[
        str, typer.Option("--window", help="How far back; one slice by default.")
    ] = "",
    size: SizeOption = 10,
    count: Annotated[
        int, typer.Option("--count", min=0, help="End after so many messages; 0: never.")
    ] = 0,
    data_set: DataSetOption = "live",
    form: FormatOption = OutputFormat.TABLE,
    address: AddressOption = DEFAULT_ADDRESS,
) -> None:
    """Watch what is played, with each pane that becomes complete; JSON: one line a message."""
    length = parse_duration(window, "--window") if window else None
    with connect(address) as client:
        try:
            for number, each in enumerate(client.trends(data_set, length, size), 1):
                _show_trends(each, form)
                if number == count:
                    return
        except KeyboardInterrupt:
            return


def _show_trends(each: Trends, form: OutputFormat) -> None:
    if form is OutputFormat.JSON:
        typer.echo(json.dumps(plain(each), ensure_ascii=False))
        return
    rows = [_trend_row(each, place) for place in range(max(len(each.tracks), len(each.artists)))]
    show(
        each,
        rows,
        {
            "rank": "#",
            "track": "Track",
            "track_plays": "Plays",
            "artist": "Artist",
            "artist_plays": "Plays ",
        },
        form,
    )
    listeners = f", {figure(each.listeners)} listeners in the last slice" if each.listeners else ""
    typer.echo(f"{figure(each.plays)} plays{listeners}.")


def _trend_row(each: Trends, place: int) -> dict[str, object]:
    row: dict[str, object] = {"rank": place + 1}
    for name, entries in (("track", each.tracks), ("artist", each.artists)):
        if place < len(entries):
            row[name] = f"{_arrow(entries[place])} {entries[place].entry.name}"
            row[f"{name}_plays"] = figure(entries[place].entry.count)
    return row


def _arrow(trend: Trend) -> str:
    if trend.movement is None:
        return "new"
    if trend.movement == 0:
        return "  ="
    return f"{'↑' if trend.movement > 0 else '↓'}{abs(trend.movement):>2}"
