"""The sum of a series over the last so many minutes."""

from __future__ import annotations

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.figures import to_message
from sottovoce_query.ranges import Range, read_duration
from sottovoce_query.series import read_series
from sottovoce_query.sources import Sources


def get_window(
    request: query_pb2.GetWindowRequest, sources: Sources
) -> query_pb2.GetWindowResponse:
    """Answer GetWindow from the series' exponential histogram."""
    source = sources.of(request.data_set)
    window_ms = read_duration(request.window, "window", source.cells.data_set)
    through_ms = source.cells.complete_through_ms
    near = Range(max(0, through_ms - window_ms), max(1, through_ms))
    series = read_series(request.series, sources, source, near)
    asked, total = source.windows.sum(series, window_ms)
    return query_pb2.GetWindowResponse(basis=source.basis(asked), sum=to_message(total))
