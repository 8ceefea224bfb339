"""How audio features go together in what is played."""

from __future__ import annotations

from sottovoce.catalogue import FEATURES
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.figures import to_message
from sottovoce_query.sources import Sources


def get_correlation(
    request: query_pb2.GetCorrelationRequest, sources: Sources
) -> query_pb2.GetCorrelationResponse:
    """Answer GetCorrelation: Pearson's over whole slices, each play counted once."""
    source = sources.of(request.data_set)
    asked = source.range(request.range, "slice")
    pairs, plays = source.gate.correlations(asked)
    return query_pb2.GetCorrelationResponse(
        basis=source.basis(asked),
        features=FEATURES,
        correlations=[to_message(pair) for pair in pairs],
        plays=to_message(plays),
    )
