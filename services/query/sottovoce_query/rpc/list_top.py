"""The most played tracks or artists."""

from __future__ import annotations

from typing import Final

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import bad_question
from sottovoce_query.figures import to_message
from sottovoce_query.gate import Mark
from sottovoce_query.ranges import Range
from sottovoce_query.sources import Source, Sources, read_size

DEFAULT_SIZE: Final = 10
MAX_SIZE: Final = 1_000


def list_top(request: query_pb2.ListTopRequest, sources: Sources) -> query_pb2.ListTopResponse:
    """Answer ListTop: by plays over steps of rankings, by listeners over whole slices."""
    source = sources.of(request.data_set)
    size = read_size(request.size, DEFAULT_SIZE, MAX_SIZE)
    by_listeners = request.measure == query_pb2.MEASURE_LISTENERS
    if request.entity not in (query_pb2.ENTITY_TRACKS, query_pb2.ENTITY_ARTISTS):
        raise bad_question("entity", "say what to rank: TRACKS or ARTISTS")
    asked = source.range(request.range, "slice" if by_listeners else "ranking")
    artists = request.entity == query_pb2.ENTITY_ARTISTS
    if not by_listeners:
        mark: Mark = "plays"
    else:
        mark = "firsts_of_artist" if artists else "firsts_of_track"
    ranked = top_artists if artists else top_tracks
    return query_pb2.ListTopResponse(
        basis=source.basis(asked), entries=ranked(source, sources, asked, mark, size)
    )


def top_tracks(
    source: Source, sources: Sources, asked: Range, mark: Mark, size: int
) -> list[query_pb2.TopEntry]:
    """Rank tracks; those with equal counts by key."""
    best = source.gate.tracks(asked, mark).top(size)
    versions = source.gate.versions(asked)
    return [
        query_pb2.TopEntry(
            rank=rank, track=sources.book.track(key, versions), count=to_message(count)
        )
        for rank, (key, count) in enumerate(
            zip(best.names.tolist(), best.estimates(), strict=True), 1
        )
    ]


def top_artists(
    source: Source, sources: Sources, asked: Range, mark: Mark, size: int
) -> list[query_pb2.TopEntry]:
    """Rank artists; those with equal counts by key."""
    best = source.gate.artists(asked, mark).top(size)
    names = sources.book.artist_names(best.names, source.gate.versions(asked))
    return [
        query_pb2.TopEntry(rank=rank, artist=name, count=to_message(count))
        for rank, (name, count) in enumerate(zip(names, best.estimates(), strict=True), 1)
    ]
