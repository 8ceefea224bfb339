"""Which series or track a question is about."""

from __future__ import annotations

from typing import Annotated

import typer

from sottovoce.client import BadQuestion, Series, TrackRef

GenreOption = Annotated[str, typer.Option("--genre", help="Plays in a genre, or unknown.")]
CountryOption = Annotated[
    str, typer.Option("--country", help="Plays in a country: two letters, or unknown.")
]
ArtistOption = Annotated[str, typer.Option("--artist", help="An artist's name.")]
TrackOption = Annotated[str, typer.Option("--track", help="A track's Spotify id.")]
TitleOption = Annotated[str, typer.Option("--title", help="A track's title, with --artist.")]
NewListenersOption = Annotated[
    bool, typer.Option("--new-listeners", help="Listeners new in their slice.")
]


def which_track(spotify_id: str, artist: str, title: str) -> TrackRef:
    """Return the track that the options mean.

    Raises:
        BadQuestion: none, or two.
    """
    if bool(spotify_id) == bool(artist or title) or bool(artist) != bool(title):
        raise BadQuestion("name one track: its Spotify id, or --artist and --title")
    return TrackRef(spotify_id, artist, title)


def which_series(
    genre: str, country: str, artist: str, track: str, title: str, new_listeners: bool
) -> tuple[Series, str]:
    """Return the series that the options mean, and what to call it; all plays by default.

    Raises:
        BadQuestion: more than one.
    """
    if title and not artist:
        raise BadQuestion("--title needs --artist")
    given = [name for name in (genre, country, artist, track) if name]
    if len(given) + new_listeners > 1:
        raise BadQuestion(
            "name one series: --genre, --country, --artist (with --title for a track), --track "
            "or --new-listeners"
        )
    if genre:
        return Series.genre(genre), f"plays, {genre}"
    if country:
        return Series.country(country), f"plays, {country}"
    if title:
        return Series.track(TrackRef(artist=artist, title=title)), f"plays, {artist}: {title}"
    if artist:
        return Series.artist(artist), f"plays, {artist}"
    if track:
        return Series.track(track), f"plays, {track}"
    if new_listeners:
        return Series.new_listeners(), "new listeners"
    return Series.all(), "plays"
