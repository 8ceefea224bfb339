"""Top tracks, artists and totals, again with each new complete pane."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.figures import to_message
from sottovoce_query.ranges import Range, read_duration
from sottovoce_query.rpc.get_distribution import genre_shares
from sottovoce_query.rpc.list_top import top_artists, top_tracks
from sottovoce_query.sources import Source, Sources, read_size

DEFAULT_SIZE: Final = 10
MAX_SIZE: Final = 100


@dataclass(frozen=True, slots=True)
class Watch:
    """What a watcher wants to see."""

    data_set: str
    window_ms: int
    size: int


def read_watch(request: query_pb2.WatchTrendsRequest, sources: Sources) -> Watch:
    """Read a request.

    Raises:
        QuestionError: no such data set, a window off the grain, a size out of bounds.
    """
    source = sources.of(request.data_set)
    data_set = source.cells.data_set
    window_ms = data_set.slice_ms
    if request.HasField("window"):
        window_ms = read_duration(request.window, "window", data_set)
    return Watch(request.data_set, window_ms, read_size(request.size, DEFAULT_SIZE, MAX_SIZE))


def trends(watch: Watch, sources: Sources) -> query_pb2.WatchTrendsResponse | None:
    """Return the trends as of the last complete step, movement left open; None before the first."""
    source = sources.of(watch.data_set)
    asked = _latest(watch, source)
    if asked is None:
        return None
    response = query_pb2.WatchTrendsResponse(
        basis=source.basis(asked),
        tracks=[
            query_pb2.TrendEntry(entry=entry)
            for entry in top_tracks(source, sources, asked, "plays", watch.size)
        ],
        artists=[
            query_pb2.TrendEntry(entry=entry)
            for entry in top_artists(source, sources, asked, "plays", watch.size)
        ],
        plays=to_message(source.gate.plays(asked)),
        genres=genre_shares(source, asked),
    )
    last = _last_complete_slice(source, asked.end_ms)
    if last is not None:
        response.listeners.CopyFrom(to_message(source.gate.distinct_listeners(last)))
    return response


def _latest(watch: Watch, source: Source) -> Range | None:
    """Return the range that ends with the last complete step of rankings; None before the first."""
    gate, step_ms = source.gate, source.gate.ranking_ms
    end_ms = gate.complete_through_ms - gate.complete_through_ms % step_ms
    floor_ms = gate.floor_ms + -gate.floor_ms % step_ms
    length_ms = watch.window_ms + -watch.window_ms % step_ms
    start_ms = max(0, floor_ms, end_ms - length_ms)
    return Range(start_ms, end_ms) if start_ms < end_ms else None


def _last_complete_slice(source: Source, through_ms: int) -> Range | None:
    slice_ms = source.cells.data_set.slice_ms
    end_ms = source.cells.data_set.slice_of(through_ms)
    if end_ms - slice_ms < source.gate.floor_ms or end_ms <= 0:
        return None
    return Range(end_ms - slice_ms, end_ms)


@dataclass(slots=True)
class Movements:
    """Ranks of the message before, for one watcher."""

    _tracks: dict[str, int] = field(default_factory=dict)
    _artists: dict[str, int] = field(default_factory=dict)

    def mark(self, shared: query_pb2.WatchTrendsResponse) -> query_pb2.WatchTrendsResponse:
        """Return a copy that tells how each entry moved since the message marked before."""
        response = query_pb2.WatchTrendsResponse()
        response.CopyFrom(shared)
        self._tracks = _mark(response.tracks, self._tracks)
        self._artists = _mark(response.artists, self._artists)
        return response


def _mark(entries: Iterable[query_pb2.TrendEntry], before: dict[str, int]) -> dict[str, int]:
    ranks = {}
    for each in entries:
        name = each.entry.track.id or each.entry.artist
        if name in before:
            each.movement = before[name] - each.entry.rank
        ranks[name] = each.entry.rank
    return ranks
