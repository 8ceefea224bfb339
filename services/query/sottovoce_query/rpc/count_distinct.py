"""How many different listeners, tracks or artists."""

from __future__ import annotations

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import bad_question
from sottovoce_query.figures import to_message
from sottovoce_query.sources import Sources


def count_distinct(
    request: query_pb2.CountDistinctRequest, sources: Sources
) -> query_pb2.CountDistinctResponse:
    """Answer CountDistinct, over whole slices."""
    source = sources.of(request.data_set)
    release = {
        query_pb2.DISTINCT_LISTENERS: source.gate.distinct_listeners,
        query_pb2.DISTINCT_TRACKS: source.gate.distinct_tracks,
        query_pb2.DISTINCT_ARTISTS: source.gate.distinct_artists,
    }.get(request.distinct)
    if release is None:
        raise bad_question("distinct", "say what to count: LISTENERS, TRACKS or ARTISTS")
    asked = source.range(request.range, "slice")
    return query_pb2.CountDistinctResponse(
        basis=source.basis(asked), count=to_message(release(asked))
    )
