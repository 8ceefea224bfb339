"""From messages to plain values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf import duration_pb2, timestamp_pb2

from sottovoce.client import answers
from sottovoce.client.answers import PrivacyMode, SampleKind
from sottovoce.client.asked import TimeRange, TrackRef
from sottovoce.sketches import BloomFilter, Estimate
from sottovoce.wire.v1 import query_pb2

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MODES: Final[dict[int, PrivacyMode]] = {
    query_pb2.PRIVACY_MODE_ENFORCED: "enforced",
    query_pb2.PRIVACY_MODE_PERSONAL: "personal",
}
_KINDS: Final[dict[int, SampleKind]] = {
    query_pb2.SAMPLE_KIND_SYNTHETIC: "synthetic",
    query_pb2.SAMPLE_KIND_OWN: "own",
    query_pb2.SAMPLE_KIND_REAL: "real",
}


def time(message: timestamp_pb2.Timestamp) -> datetime:
    """Return a time in UTC."""
    return _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)


def duration(message: duration_pb2.Duration) -> timedelta:
    """Return a length of time."""
    return timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)


def time_range(message: query_pb2.TimeRange) -> TimeRange:
    """Return a range."""
    return TimeRange(time(message.start), time(message.end))


def estimate(message: query_pb2.Estimate) -> Estimate:
    """Return a figure with its interval."""
    return Estimate(message.value, message.lower, message.upper)


def basis(message: query_pb2.Basis) -> answers.Basis:
    """Return what an answer rests on."""
    return answers.Basis(
        data_set=message.data_set,
        range=time_range(message.range),
        privacy_mode=_MODES.get(message.privacy_mode, "unspecified"),
        catalogue_versions=tuple(message.catalogue_versions),
        confidence=message.confidence,
        notice=message.notice,
    )


def track(message: query_pb2.Track) -> answers.Track:
    """Return a track."""
    return answers.Track(
        message.id, message.title, tuple(message.artists), message.genre, message.in_catalogue
    )


def distinct(message: query_pb2.CountDistinctResponse) -> answers.Count:
    """Return the answer of CountDistinct."""
    return answers.Count(basis(message.basis), estimate(message.count))


def window(message: query_pb2.GetWindowResponse) -> answers.Count:
    """Return the answer of GetWindow."""
    return answers.Count(basis(message.basis), estimate(message.sum))


def played(message: query_pb2.CheckPlayedResponse) -> answers.Played:
    """Return the answer of CheckPlayed."""
    tracks = (
        (TrackRef(each.track.spotify_id, each.track.artist, each.track.title), each.played)
        for each in message.tracks
    )
    return answers.Played(basis(message.basis), tuple(tracks))


def played_filter(message: query_pb2.GetPlayedFilterResponse) -> answers.PlayedFilter:
    """Return the answer of GetPlayedFilter."""
    return answers.PlayedFilter(
        basis(message.basis),
        BloomFilter.from_bytes(message.bloom_filter),
        message.false_positive_rate,
    )


def sample(message: query_pb2.SampleListensResponse) -> answers.Sample:
    """Return the answer of SampleListens."""
    listens = (
        answers.SampledListen(
            track=track(each.track),
            end_time=time(each.end_time),
            played=duration(each.played) if each.HasField("played") else None,
            country=each.country,
            skipped=each.skipped if each.HasField("skipped") else None,
            features=dict(each.features),
        )
        for each in message.listens
    )
    kind = _KINDS.get(message.kind, "unspecified")
    return answers.Sample(basis(message.basis), tuple(listens), kind)


def series(message: query_pb2.GetSeriesResponse) -> answers.SeriesPoints:
    """Return the answer of GetSeries."""
    points = (
        answers.Point(time_range(each.range), estimate(each.value)) for each in message.points
    )
    return answers.SeriesPoints(basis(message.basis), tuple(points))


def top_entry(message: query_pb2.TopEntry) -> answers.TopEntry:
    """Return a place of a ranking."""
    return answers.TopEntry(
        message.rank,
        track(message.track) if message.HasField("track") else None,
        message.artist,
        estimate(message.count),
    )


def top(message: query_pb2.ListTopResponse) -> answers.Top:
    """Return the answer of ListTop."""
    return answers.Top(basis(message.basis), tuple(map(top_entry, message.entries)))


def share(message: query_pb2.Share) -> answers.Share:
    """Return a part of the plays."""
    return answers.Share(message.name, estimate(message.plays), estimate(message.share))


def distribution(message: query_pb2.GetDistributionResponse) -> answers.Distribution:
    """Return the answer of GetDistribution."""
    return answers.Distribution(
        basis(message.basis), tuple(map(share, message.shares)), estimate(message.total)
    )


def correlation(message: query_pb2.GetCorrelationResponse) -> answers.Correlation:
    """Return the answer of GetCorrelation."""
    size = len(message.features)
    flat = [estimate(each) for each in message.correlations]
    return answers.Correlation(
        basis(message.basis),
        tuple(message.features),
        tuple(tuple(flat[row * size : (row + 1) * size]) for row in range(size)),
        estimate(message.plays),
    )


def similar(message: query_pb2.FindSimilarTracksResponse) -> answers.Similar:
    """Return the answer of FindSimilarTracks."""
    return answers.Similar(
        track(message.track),
        tuple((track(each.track), each.similarity) for each in message.similar),
        message.catalogue_version,
    )


def found(message: query_pb2.SearchTracksResponse) -> answers.Found:
    """Return the answer of SearchTracks."""
    return answers.Found(tuple(map(track, message.tracks)), message.catalogue_version)


def trends(message: query_pb2.WatchTrendsResponse) -> answers.Trends:
    """Return one message of WatchTrends."""
    return answers.Trends(
        basis=basis(message.basis),
        tracks=_trend_entries(message.tracks),
        artists=_trend_entries(message.artists),
        plays=estimate(message.plays),
        listeners=estimate(message.listeners) if message.HasField("listeners") else None,
        genres=tuple(map(share, message.genres)),
    )


def _trend_entries(entries: Iterable[query_pb2.TrendEntry]) -> tuple[answers.Trend, ...]:
    return tuple(
        answers.Trend(top_entry(each.entry), each.movement if each.HasField("movement") else None)
        for each in entries
    )


def status(message: query_pb2.GetStatusResponse) -> answers.Status:
    """Return the answer of GetStatus."""
    return answers.Status(
        version=message.version,
        privacy_mode=_MODES.get(message.privacy_mode, "unspecified"),
        data_sets={each.name: _data_set_status(each) for each in message.data_sets},
        catalogue_version=message.catalogue_version,
        catalogue_tracks=message.catalogue_tracks,
        epsilon=message.epsilon,
        delta=message.delta,
    )


def _data_set_status(message: query_pb2.DataSetStatus) -> answers.DataSetStatus:
    def known(name: str) -> datetime | None:
        return time(getattr(message, name)) if message.HasField(name) else None  # type: ignore[arg-type]

    return answers.DataSetStatus(
        name=message.name,
        pane=duration(message.pane),
        ranking=duration(message.ranking),
        slice=duration(message.slice),
        shards=message.shards,
        complete_through=known("complete_through"),
        first_slice=known("first_slice"),
        last_slice=known("last_slice"),
        waits_for=message.waits_for,
        admitted=message.admitted,
        refused={each.reason: each.count for each in message.refused},
        committed_at=known("committed_at"),
        slices=message.slices,
    )
