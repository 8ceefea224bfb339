"""A series, step by step or slice by slice."""

from __future__ import annotations

from typing import Final

import numpy as np

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import bad_question
from sottovoce_query.figures import Noises, noisy_count, to_message
from sottovoce_query.ranges import Grain, Range
from sottovoce_query.series import is_ranked, read_series
from sottovoce_query.sources import Sources

MAX_POINTS: Final = 20_000


def get_series(
    request: query_pb2.GetSeriesRequest, sources: Sources
) -> query_pb2.GetSeriesResponse:
    """Answer GetSeries: a point for every pane, step of rankings or slice, empty ones too."""
    source = sources.of(request.data_set)
    by_slice = request.grain == query_pb2.GRAIN_SLICE
    fine: Grain = "ranking" if is_ranked(request.series) else "pane"
    grain: Grain = "slice" if by_slice else fine
    step = source.grain_ms(grain)
    asked = source.range(request.range, grain)
    size = (asked.end_ms - asked.start_ms) // step
    if size > MAX_POINTS:
        raise bad_question(
            "range", f"{size:,} points are too many at once: ask for at most {MAX_POINTS:,}"
        )
    series = read_series(request.series, sources, source, asked)
    found = source.gate.series(asked, series, "slice" if by_slice else "step")
    counts, missing = np.zeros(size, np.int64), np.zeros(size, np.int64)
    noises: list[Noises] = [{}] * size
    places = (found.starts_ms - asked.start_ms) // step
    counts[places], missing[places] = found.counts, found.missing
    for place, noise in zip(places.tolist(), found.noises, strict=True):
        noises[place] = noise
    response = query_pb2.GetSeriesResponse(basis=source.basis(asked))
    for place, count in enumerate(counts.tolist()):
        begin = asked.start_ms + place * step
        value = to_message(noisy_count(count, noises[place]))
        value.upper += int(missing[place])
        response.points.add(range=Range(begin, begin + step).to_message(), value=value)
    return response
