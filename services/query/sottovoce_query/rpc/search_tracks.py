"""Tracks of the catalogue by words of their title and artist."""

from __future__ import annotations

from typing import Final

from sottovoce.catalogue import normalise_name
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import bad_question
from sottovoce_query.sources import Sources, read_size
from sottovoce_query.tracks import catalogue_track

DEFAULT_SIZE: Final = 10
MAX_SIZE: Final = 100
MAX_TEXT: Final = 200


def search_tracks(
    request: query_pb2.SearchTracksRequest, sources: Sources
) -> query_pb2.SearchTracksResponse:
    """Answer SearchTracks, the most popular first."""
    size = read_size(request.size, DEFAULT_SIZE, MAX_SIZE)
    if not normalise_name(request.text) or len(request.text) > MAX_TEXT:
        raise bad_question("text", f"give 1 to {MAX_TEXT} characters to look for")
    version = sources.book.latest
    catalogue = sources.book.catalogue_of(version)
    rows = sources.similar.rows_named(version, request.text, size)
    return query_pb2.SearchTracksResponse(
        tracks=[catalogue_track(catalogue, row) for row in rows], catalogue_version=version
    )
