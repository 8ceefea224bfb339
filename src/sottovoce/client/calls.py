"""Every question as a call: method, request, and how to read the answer. Sync and async alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.message import Message

from sottovoce.client import answers, reading, reading_budget
from sottovoce.client.asked import Series, TimeRange, TrackRef
from sottovoce.client.budget import Budget, LedgerCharge
from sottovoce.client.errors import BadQuestion, NotComplete, NotFound
from sottovoce.wire.v1 import query_pb2

type By = Literal["plays", "listeners"]
type Grain = Literal["pane", "ranking", "slice"]
type SeriesGrain = Literal["pane", "slice"]
type AnyTrack = TrackRef | str
type Kind = Literal["synthetic", "own", "real"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MEASURES: Final = {
    "plays": query_pb2.MEASURE_PLAYS,
    "listeners": query_pb2.MEASURE_LISTENERS,
}
_KINDS: Final = {
    "synthetic": query_pb2.SAMPLE_KIND_SYNTHETIC,
    "own": query_pb2.SAMPLE_KIND_OWN,
    "real": query_pb2.SAMPLE_KIND_REAL,
}
_GRAINS: Final = {"pane": query_pb2.GRAIN_PANE, "slice": query_pb2.GRAIN_SLICE}


@dataclass(frozen=True, slots=True)
class Call[Answer]:
    """A question that is ready to be sent.

    Attributes:
        method: of `QueryService` or `ErasureService`.
        request: its message.
        read: makes a value of the response.
    """

    method: str
    request: Message
    read: Callable[[Any], Answer]


def distinct(
    data_set: str, asked: TimeRange, what: query_pb2.Distinct.ValueType
) -> Call[answers.Count]:
    """How many different listeners, tracks or artists."""
    request = query_pb2.CountDistinctRequest(
        data_set=data_set, range=to_range(asked), distinct=what
    )
    return Call("CountDistinct", request, reading.distinct)


def played(data_set: str, asked: TimeRange, tracks: Iterable[AnyTrack]) -> Call[answers.Played]:
    """Whether tracks were played."""
    request = query_pb2.CheckPlayedRequest(
        data_set=data_set, range=to_range(asked), tracks=[to_track(each) for each in tracks]
    )
    return Call("CheckPlayed", request, reading.played)


def played_filter(data_set: str, asked: TimeRange) -> Call[answers.PlayedFilter]:
    """The played tracks as a Bloom filter."""
    request = query_pb2.GetPlayedFilterRequest(data_set=data_set, range=to_range(asked))
    return Call("GetPlayedFilter", request, reading.played_filter)


def sample(data_set: str, asked: TimeRange, size: int, kind: Kind | None) -> Call[answers.Sample]:
    """Listens that look like the crowd's."""
    request = query_pb2.SampleListensRequest(
        data_set=data_set,
        range=to_range(asked),
        size=_size(size),
        kind=query_pb2.SAMPLE_KIND_UNSPECIFIED if kind is None else _one_of(_KINDS, kind, "kind"),
    )
    return Call("SampleListens", request, reading.sample)


def window(data_set: str, series: Series, length: timedelta) -> Call[answers.Count]:
    """The sum of a series over the last so many panes."""
    request = query_pb2.GetWindowRequest(
        data_set=data_set, series=to_series(series), window=to_duration(length)
    )
    return Call("GetWindow", request, reading.window)


def series(
    data_set: str, asked: TimeRange, which: Series, grain: SeriesGrain
) -> Call[answers.SeriesPoints]:
    """A series over time."""
    request = query_pb2.GetSeriesRequest(
        data_set=data_set,
        range=to_range(asked),
        series=to_series(which),
        grain=_one_of(_GRAINS, grain, "grain"),
    )
    return Call("GetSeries", request, reading.series)


def top(
    data_set: str, asked: TimeRange, entity: query_pb2.Entity.ValueType, by: By, size: int
) -> Call[answers.Top]:
    """The most played tracks or artists."""
    request = query_pb2.ListTopRequest(
        data_set=data_set,
        range=to_range(asked),
        entity=entity,
        measure=_one_of(_MEASURES, by, "by"),
        size=_size(size),
    )
    return Call("ListTop", request, reading.top)


def distribution(
    data_set: str, asked: TimeRange, dimension: query_pb2.Dimension.ValueType
) -> Call[answers.Distribution]:
    """Plays by genre or by country."""
    request = query_pb2.GetDistributionRequest(
        data_set=data_set, range=to_range(asked), dimension=dimension
    )
    return Call("GetDistribution", request, reading.distribution)


def correlation(data_set: str, asked: TimeRange) -> Call[answers.Correlation]:
    """How audio features go together."""
    request = query_pb2.GetCorrelationRequest(data_set=data_set, range=to_range(asked))
    return Call("GetCorrelation", request, reading.correlation)


def similar(track: AnyTrack, size: int) -> Call[answers.Similar]:
    """Tracks that sound alike."""
    request = query_pb2.FindSimilarTracksRequest(track=to_track(track), size=_size(size))
    return Call("FindSimilarTracks", request, reading.similar)


def search(text: str, size: int) -> Call[answers.Found]:
    """Tracks by words."""
    return Call(
        "SearchTracks",
        query_pb2.SearchTracksRequest(text=text, size=_size(size)),
        reading.found,
    )


def trends(data_set: str, length: timedelta | None, size: int) -> Call[answers.Trends]:
    """What is played, with each new complete pane."""
    request = query_pb2.WatchTrendsRequest(data_set=data_set, size=_size(size))
    if length is not None:
        request.window.CopyFrom(to_duration(length))
    return Call("WatchTrends", request, reading.trends)


def status() -> Call[answers.Status]:
    """How far the service is."""
    return Call("GetStatus", query_pb2.GetStatusRequest(), reading.status)


def budget(data_set: str, size: int) -> Call[Budget]:
    """What slices may spend and have spent."""
    request = query_pb2.GetBudgetRequest(data_set=data_set, size=_size(size))
    return Call("GetBudget", request, reading_budget.budget)


def charges(data_set: str) -> Call[LedgerCharge]:
    """Every charge of the ledger."""
    request = query_pb2.ListChargesRequest(data_set=data_set)
    return Call("ListCharges", request, reading_budget.charge)


def latest_range(
    status: answers.Status, data_set: str, length: timedelta, grain: Grain
) -> TimeRange:
    """Return the newest complete range of about a length, on the grain.

    It is not shorter but where there is not so much that can be asked about yet.

    Raises:
        NotFound: no such data set.
        BadQuestion: the length is not above 0.
        NotComplete: nothing is complete yet.
    """
    known = status.data_sets.get(data_set)
    if known is None:
        there = ", ".join(sorted(status.data_sets))
        raise NotFound(f"no data set {data_set!r}; there are: {there}", reason="DATA_SET_NOT_FOUND")
    if length <= timedelta(0):
        raise BadQuestion(f"a range must be longer than {length}")
    step = {"pane": known.pane, "ranking": known.ranking, "slice": known.slice}[grain]
    through = known.complete_through
    if through is None:
        raise NotComplete(
            f"{data_set} is complete nowhere yet: {known.waits_for}", reason="RANGE_NOT_COMPLETE"
        )
    end = _EPOCH + (through - _EPOCH) // step * step
    floor = known.first_slice or _EPOCH  # a slice lies on every grain
    start = max(floor, end - -(-length // step) * step)
    if end <= start:
        raise NotComplete(
            f"no whole {grain} of {data_set} is complete yet: {known.waits_for}",
            reason="RANGE_NOT_COMPLETE",
        )
    return TimeRange(start, end)


def to_range(asked: TimeRange) -> query_pb2.TimeRange:
    """Return a range as a message."""
    return query_pb2.TimeRange(start=to_time(asked.start), end=to_time(asked.end))


def to_time(moment: datetime) -> timestamp_pb2.Timestamp:
    """Return a time as a message.

    Raises:
        BadQuestion: it has no zone, so nobody knows when it is.
    """
    if moment.tzinfo is None:
        raise BadQuestion(f"{moment.isoformat()} has no time zone: give it one, such as UTC")
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(moment)
    return message


def to_duration(length: timedelta) -> duration_pb2.Duration:
    """Return a length of time as a message."""
    message = duration_pb2.Duration()
    message.FromTimedelta(length)
    return message


def to_track(track: AnyTrack) -> query_pb2.TrackRef:
    """Return a track as a message; a text is a Spotify id."""
    ref = TrackRef(track) if isinstance(track, str) else track
    return query_pb2.TrackRef(spotify_id=ref.spotify_id, artist=ref.artist, title=ref.title)


def to_series(which: Series) -> query_pb2.SeriesRef:
    """Return a series as a message."""
    match which.kind:
        case "all":
            return query_pb2.SeriesRef(all=query_pb2.AllPlays())
        case "new_listeners":
            return query_pb2.SeriesRef(new_listeners=query_pb2.NewListeners())
        case "track":
            return query_pb2.SeriesRef(track=to_track(which.ref or TrackRef()))
        case "genre":
            return query_pb2.SeriesRef(genre=which.name)
        case "country":
            return query_pb2.SeriesRef(country=which.name)
        case "artist":
            return query_pb2.SeriesRef(artist=which.name)


def _one_of[Value](choices: dict[str, Value], name: str, field: str) -> Value:
    try:
        return choices[name]
    except KeyError:
        raise BadQuestion(f"{field}: {name!r} is none of {', '.join(choices)}") from None


def _size(size: int) -> int:
    if not 0 <= size < 1 << 31:
        raise BadQuestion(f"size: {size} is not a number of entries")
    return size
