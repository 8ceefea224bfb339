"""Which series a question means."""

from __future__ import annotations

from sottovoce.catalogue import NO_ARTIST, artist_key
from sottovoce.wire.listens import ListenError, country_code
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import bad_question, not_found
from sottovoce_query.gate import Series
from sottovoce_query.ranges import Range
from sottovoce_query.sources import Source, Sources
from sottovoce_query.tracks import UNKNOWN_GENRE


def is_ranked(ref: query_pb2.SeriesRef) -> bool:
    """Return whether a request's series goes by the grain of rankings."""
    return ref.WhichOneof("series") in ("track", "artist")


def read_series(ref: query_pb2.SeriesRef, sources: Sources, source: Source, asked: Range) -> Series:
    """Read a request's series.

    Raises:
        QuestionError: none is named, it names no genre or no country.
    """
    versions = source.gate.versions(asked)
    match ref.WhichOneof("series"):
        case "all":
            return Series("all")
        case "new_listeners":
            return Series("new_listeners")
        case "genre":
            return Series("genre", _known_genre(ref.genre, sources, versions))
        case "country":
            return Series("country", keys=(_code(ref.country),))
        case "track":
            keys = sources.book.keys_of(ref.track, "series.track", versions)
            return Series("track", keys=tuple(keys.tolist()))
        case "artist":
            key = artist_key(ref.artist)
            if key == NO_ARTIST:
                raise bad_question("series.artist", "give the artist's name")
            return Series("artist", keys=(key,))
        case _:
            raise bad_question(
                "series", "name one: all, genre, country, track, artist or new_listeners"
            )


def _known_genre(genre: str, sources: Sources, versions: list[str]) -> str:
    known = {UNKNOWN_GENRE}
    for version in (*versions, sources.book.latest):
        known.update(sources.book.catalogue_of(version).genres)
    if genre not in known:
        there = ", ".join(sorted(known))
        raise not_found("GENRE_NOT_FOUND", f"no genre {genre!r}; there are: {there}", genre=genre)
    return genre


def _code(country: str) -> int:
    if country == "unknown":
        return 0
    try:
        code = country_code(country)
    except ListenError as error:
        raise bad_question("series.country", str(error)) from error
    if not code:
        raise bad_question("series.country", "give two letters of ISO 3166-1, or unknown")
    return code
