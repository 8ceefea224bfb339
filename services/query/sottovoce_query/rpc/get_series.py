"""A series, pane by pane or slice by slice."""

from __future__ import annotations

from typing import Final

import numpy as np

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import bad_question
from sottovoce_query.figures import to_message
from sottovoce_query.ranges import Range, read_range
from sottovoce_query.series import read_series
from sottovoce_query.sources import Sources

MAX_POINTS: Final = 20_000


def get_series(
    request: query_pb2.GetSeriesRequest, sources: Sources
) -> query_pb2.GetSeriesResponse:
    """Answer GetSeries: a point for every pane or slice of the range, empty ones too."""
    source = sources.of(request.data_set)
    data_set = source.cells.data_set
    by_slice = request.grain == query_pb2.GRAIN_SLICE
    step = data_set.slice_ms if by_slice else data_set.pane_ms
    asked = read_range(request.range, source.cells, "slice" if by_slice else "pane")
    size = (asked.end_ms - asked.start_ms) // step
    if size > MAX_POINTS:
        raise bad_question(
            "range", f"{size:,} points are too many at once: ask for at most {MAX_POINTS:,}"
        )
    series = read_series(request.series, sources, source, asked)
    starts, counts = source.gate.panes(asked, series)
    points = np.zeros(size, np.int64)
    np.add.at(points, (starts - asked.start_ms) // step, counts)
    response = query_pb2.GetSeriesResponse(basis=source.basis(asked))
    for place, count in enumerate(points.tolist()):
        begin = asked.start_ms + place * step
        response.points.add(
            range=Range(begin, begin + step).to_message(),
            value=to_message(source.gate.estimate(count)),
        )
    return response
