"""Listens that look like the crowd's: made up from released figures, one's own, or real rows."""

from __future__ import annotations

import math
from typing import Final

from sottovoce.catalogue import FEATURES
from sottovoce.cells import SAMPLE_SIZE
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.ranges import to_duration, to_timestamp
from sottovoce_query.sources import Sources, read_size

MAX_SIZE: Final = 1_000


def sample_listens(
    request: query_pb2.SampleListensRequest, sources: Sources
) -> query_pb2.SampleListensResponse:
    """Answer SampleListens, over whole slices."""
    source = sources.of(request.data_set)
    size = read_size(request.size, SAMPLE_SIZE, MAX_SIZE)
    asked = source.range(request.range, "slice")
    listens = []
    sample = source.gate.sample(asked, size, request.kind)
    for row in sample.rows:
        listen = query_pb2.SampledListen(
            track=sources.book.track(row.track_key, row.versions),
            end_time=to_timestamp(row.time_ms),
            country=row.country,
        )
        if row.played_ms is not None:
            listen.played.CopyFrom(to_duration(row.played_ms))
        if row.skipped is not None:
            listen.skipped = row.skipped
        known = zip(FEATURES, row.features, strict=False)
        listen.features.update({name: value for name, value in known if not math.isnan(value)})
        listens.append(listen)
    basis = source.basis(asked)
    basis.notice = sample.notice or basis.notice
    return query_pb2.SampleListensResponse(basis=basis, listens=listens, kind=sample.kind)
