"""A uniform sample of listens, without listeners."""

from __future__ import annotations

from typing import Final

import numpy as np

from sottovoce.cells import SAMPLE_SIZE, SAMPLED_DTYPE
from sottovoce.wire.listens import (
    COUNTRY_KNOWN,
    MS_PLAYED_KNOWN,
    SKIPPED,
    SKIPPED_KNOWN,
    country_name,
)
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.merged_slice import canonical_keys
from sottovoce_query.ranges import read_range, to_duration, to_timestamp
from sottovoce_query.sources import Sources, read_size

MAX_SIZE: Final = 1_000


def sample_listens(
    request: query_pb2.SampleListensRequest, sources: Sources
) -> query_pb2.SampleListensResponse:
    """Answer SampleListens: every set of so many listens of the range is equally likely."""
    source = sources.of(request.data_set)
    size = read_size(request.size, SAMPLE_SIZE, MAX_SIZE)
    asked = read_range(request.range, source.cells, "slice")
    payloads = source.gate.sample(asked).payloads[:size]
    versions = source.gate.versions(asked)
    listens = []
    for row in np.frombuffer(b"".join(payloads), SAMPLED_DTYPE):
        time_ms, flags = int(row["end_time_ms"]), int(row["flags"])
        version = source.cells.catalogue_version(time_ms)
        own = np.array([row["track_low"]], np.uint64)
        key = int(canonical_keys(own, sources.book.catalogue_of(version))[0])
        listen = query_pb2.SampledListen(
            track=sources.book.track(key, (version, *versions)), end_time=to_timestamp(time_ms)
        )
        if flags & MS_PLAYED_KNOWN:
            listen.played.CopyFrom(to_duration(int(row["ms_played"])))
        if flags & COUNTRY_KNOWN and row["country"]:
            listen.country = country_name(int(row["country"]))
        if flags & SKIPPED_KNOWN:
            listen.skipped = bool(flags & SKIPPED)
        listens.append(listen)
    return query_pb2.SampleListensResponse(basis=source.basis(asked), listens=listens)
