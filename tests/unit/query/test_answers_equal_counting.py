"""Every answer about a made-up crowd against counting its rows one by one.

The gate's budget is so large that its noise is 0, so what is released must be what was counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from tests.unit.query.conftest import all_plays, live_range, seconds
from tests.unit.query.crowd import LIVE, START

from sottovoce.catalogue import FEATURES, spotify_id_to_int
from sottovoce.sketches import BloomFilter
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.rpc.check_played import check_played
from sottovoce_query.rpc.count_distinct import count_distinct
from sottovoce_query.rpc.get_correlation import get_correlation
from sottovoce_query.rpc.get_distribution import get_distribution
from sottovoce_query.rpc.get_played_filter import get_played_filter
from sottovoce_query.rpc.get_series import get_series
from sottovoce_query.rpc.get_window import get_window
from sottovoce_query.rpc.list_top import list_top
from sottovoce_query.rpc.sample_listens import sample_listens
from sottovoce_query.series import is_ranked

WHOLE = [
    pytest.param(0, 90_000, id="all slices"),
    pytest.param(30_000, 60_000, id="one slice"),
    pytest.param(-300_000, -60_000, id="before anybody listened"),
]
RANKED = [
    *WHOLE,
    pytest.param(10_000, 70_000, id="parts of slices"),
    pytest.param(20_000, 30_000, id="one step"),
]
RANGES = [
    *WHOLE,
    pytest.param(14_000, 76_000, id="parts of slices"),
    pytest.param(2_000, 4_000, id="one pane"),
]
MANY = 20
"""A key outside the catalogue joins a slice's release from so many plays on: C of them at least."""


def is_exact(estimate):
    return estimate.value == estimate.lower == estimate.upper


@pytest.fixture
def rows(crowd):
    return lambda first, stop: crowd.within(START + first, START + stop)


@pytest.mark.parametrize(("first", "stop"), WHOLE)
def test_distinct_tracks_and_artists_are_exact(sources, rows, first, stop):
    for what, attribute in (
        (query_pb2.DISTINCT_TRACKS, "track"),
        (query_pb2.DISTINCT_ARTISTS, "artist"),
    ):
        request = query_pb2.CountDistinctRequest(
            data_set="live", range=live_range(first, stop), distinct=what
        )
        count = count_distinct(request, sources).count
        assert count.value == len({getattr(row, attribute) for row in rows(first, stop)})
        assert is_exact(count)


@pytest.mark.parametrize(("first", "stop"), WHOLE)
def test_distinct_listeners_lie_in_their_interval(sources, rows, first, stop):
    request = query_pb2.CountDistinctRequest(
        data_set="live", range=live_range(first, stop), distinct=query_pb2.DISTINCT_LISTENERS
    )
    count = count_distinct(request, sources).count
    truth = len({row.listener for row in rows(first, stop)})
    assert count.lower <= truth <= count.upper
    assert count.value == pytest.approx(truth, abs=2)


def ranking(request, sources):
    response = list_top(request, sources)
    assert [each.rank for each in response.entries] == [*range(1, len(response.entries) + 1)]
    return [(each.track.id or each.artist, int(each.count.value)) for each in response.entries]


def released(rows, first, stop, attribute):
    """Counts of what can be released: the catalogue's, and others where a slice has many."""
    total = Counter()
    for start in range(first - first % LIVE.slice_ms, stop, LIVE.slice_ms):
        within = rows(max(start, first), min(start + LIVE.slice_ms, stop))
        whole = first <= start and start + LIVE.slice_ms <= stop
        counts = Counter(getattr(row, attribute) for row in within)
        outside = {getattr(row, attribute) for row in within if row.artist.startswith("Outsider")}
        total.update(
            {
                name: count
                for name, count in counts.items()
                if name not in outside or (whole and count >= MANY)
            }
        )
    return total


def test_some_outsiders_are_many_and_some_are_few(rows):
    shown, every = released(rows, 0, 90_000, "artist"), {row.artist for row in rows(0, 90_000)}
    outside = {name for name in every if name.startswith("Outsider")}
    assert outside
    assert outside - shown.keys() or outside & shown.keys()


@pytest.mark.parametrize(("first", "stop"), RANKED)
@pytest.mark.parametrize("attribute", ["track", "artist"])
def test_top_by_plays_is_the_true_ranking(sources, rows, first, stop, attribute):
    entity = query_pb2.ENTITY_TRACKS if attribute == "track" else query_pb2.ENTITY_ARTISTS
    request = query_pb2.ListTopRequest(
        data_set="live", range=live_range(first, stop), entity=entity, size=100
    )
    found = ranking(request, sources)
    assert dict(found) == released(rows, first, stop, attribute)
    assert [count for _, count in found] == sorted((count for _, count in found), reverse=True)
    request.size = 3
    assert ranking(request, sources) == found[:3]


@pytest.mark.parametrize(("first", "stop"), WHOLE)
@pytest.mark.parametrize("attribute", ["track", "artist"])
def test_top_by_listeners_counts_each_once_a_slice(sources, rows, first, stop, attribute):
    entity = query_pb2.ENTITY_TRACKS if attribute == "track" else query_pb2.ENTITY_ARTISTS
    request = query_pb2.ListTopRequest(
        data_set="live",
        range=live_range(first, stop),
        entity=entity,
        measure=query_pb2.MEASURE_LISTENERS,
        size=1_000,
    )
    once = {
        (LIVE.slice_of(row.end_ms), row.listener, getattr(row, attribute))
        for row in rows(first, stop)
        if not row.artist.startswith("Outsider")
    }
    assert dict(ranking(request, sources)) == Counter(name for _, _, name in once)


@pytest.mark.parametrize(("first", "stop"), RANGES)
def test_distributions_add_up(sources, rows, first, stop):
    for dimension, name in (
        (query_pb2.DIMENSION_GENRE, lambda row: row.genre),
        (query_pb2.DIMENSION_COUNTRY, lambda row: row.country or "unknown"),
    ):
        request = query_pb2.GetDistributionRequest(
            data_set="live", range=live_range(first, stop), dimension=dimension
        )
        response = get_distribution(request, sources)
        truth = Counter(name(row) for row in rows(first, stop))
        assert {each.name: int(each.plays.value) for each in response.shares} == truth
        assert response.total.value == truth.total()
        assert sum(each.share.value for each in response.shares) == pytest.approx(
            float(bool(truth))
        )


@pytest.mark.parametrize(("first", "stop"), WHOLE[:2])
def test_correlation_is_pearsons_over_plays(sources, rows, first, stop):
    request = query_pb2.GetCorrelationRequest(data_set="live", range=live_range(first, stop))
    response = get_correlation(request, sources)
    known = np.array([row.features for row in rows(first, stop) if row.features])
    assert response.plays.value == pytest.approx(len(known), abs=0.1)
    assert tuple(response.features) == FEATURES
    truth = np.corrcoef(known.T).ravel()
    for each, wanted in zip(response.correlations, truth, strict=True):
        assert each.value == pytest.approx(wanted, abs=0.003)
        assert each.lower <= each.value <= each.upper


def test_correlation_of_nothing_tells_nothing(sources):
    request = query_pb2.GetCorrelationRequest(data_set="live", range=live_range(-300_000, -60_000))
    response = get_correlation(request, sources)
    assert response.plays.value == pytest.approx(0, abs=0.1)
    for place, each in enumerate(response.correlations):
        off_diagonal = place % (len(FEATURES) + 1)
        assert not off_diagonal or each.upper - each.lower > 1


SERIES = [
    pytest.param(all_plays(), lambda row: True, id="all"),
    pytest.param(
        query_pb2.SeriesRef(new_listeners=query_pb2.NewListeners()),
        lambda row: row.ordinal == 0,
        id="new listeners",
    ),
    pytest.param(query_pb2.SeriesRef(genre="dub"), lambda row: row.genre == "dub", id="genre"),
    pytest.param(
        query_pb2.SeriesRef(genre="unknown"), lambda row: row.genre == "unknown", id="no genre"
    ),
    pytest.param(query_pb2.SeriesRef(country="DE"), lambda row: row.country == "DE", id="country"),
    pytest.param(
        query_pb2.SeriesRef(country="unknown"), lambda row: not row.country, id="no country"
    ),
    pytest.param(
        query_pb2.SeriesRef(artist=" made-up ARTIST 3"),
        lambda row: row.artist == "Made-up Artist 3",
        id="artist",
    ),
    pytest.param(
        query_pb2.SeriesRef(
            track=query_pb2.TrackRef(artist="Made-up Artist 0", title="Made-up Song 00")
        ),
        lambda row: row.title == "Made-up Song 00",
        id="track by names",
    ),
]


@pytest.mark.parametrize(("series", "counts"), SERIES)
@pytest.mark.parametrize("grain", [query_pb2.GRAIN_PANE, query_pb2.GRAIN_SLICE])
def test_series_count_each_pane_and_slice(sources, rows, series, counts, grain):
    fine = 10_000 if is_ranked(series) else LIVE.pane_ms
    step = LIVE.slice_ms if grain == query_pb2.GRAIN_SLICE else fine
    request = query_pb2.GetSeriesRequest(
        data_set="live", range=live_range(-30_000, 90_000), series=series, grain=grain
    )
    truth = defaultdict(int)
    for row in rows(-30_000, 90_000):
        truth[(row.end_ms - START) // step] += counts(row)
    points = get_series(request, sources).points
    assert len(points) == 120_000 // step
    first = -30_000 // step
    assert [int(each.value.value) for each in points] == [
        truth[first + place] for place in range(len(points))
    ]


@pytest.mark.parametrize(("series", "counts"), SERIES)
@pytest.mark.parametrize("length", [10, 30, 70, 90, 86_400])
def test_windows_hold_the_truth(sources, rows, series, counts, length):
    request = query_pb2.GetWindowRequest(data_set="live", series=series, window=seconds(length))
    response = get_window(request, sources)
    assert response.basis.range.end.ToMilliseconds() == START + 90_000
    begin = max(90_000 - 1000 * length, -10 * LIVE.slice_ms)  # where the ledger begins
    assert response.basis.range.start.ToMilliseconds() == START + begin
    truth = sum(counts(row) for row in rows(begin, 90_000))
    assert response.sum.lower <= truth <= response.sum.upper
    assert response.sum.value == pytest.approx(truth, rel=0.01)


def test_membership_finds_a_track_by_id_and_by_names(sources, rows, crowd):
    played = {row.track for row in rows(10_000, 20_000)}
    catalogue = crowd.catalogue
    refs = [
        query_pb2.TrackRef(spotify_id=catalogue.track_id(row)) for row in range(len(catalogue))
    ] + [
        query_pb2.TrackRef(artist=catalogue.artists(row)[0], title=catalogue.name(row))
        for row in range(len(catalogue))
    ]
    request = query_pb2.CheckPlayedRequest(
        data_set="live", range=live_range(10_000, 20_000), tracks=refs
    )
    response = check_played(request, sources)
    truth = [catalogue.track_id(row) in played for row in range(len(catalogue))]
    assert [each.played for each in response.tracks] == truth * 2
    assert any(truth)
    assert not all(truth)


def test_the_played_filter_holds_every_played_track(sources, rows, crowd):
    request = query_pb2.GetPlayedFilterRequest(data_set="live", range=live_range(10_000, 40_000))
    response = get_played_filter(request, sources)
    played = BloomFilter.from_bytes(response.bloom_filter)
    tracks = released(rows, 10_000, 40_000, "track")
    ids = [spotify_id_to_int(each) for each in tracks]
    high, low = (np.array(half, np.uint64) for half in zip(*ids, strict=True))
    assert played.contains_keys(high, low).all()
    assert not played.contains_keys(high + np.uint64(1), low).all()


@pytest.mark.parametrize(("first", "stop"), WHOLE)
def test_a_sample_is_made_up_of_what_was_released(sources, rows, first, stop):
    request = query_pb2.SampleListensRequest(data_set="live", range=live_range(first, stop))
    response = sample_listens(request, sources)
    assert response.kind == query_pb2.SAMPLE_KIND_SYNTHETIC
    truth = rows(first, stop)
    assert len(response.listens) == (64 if truth else 0)
    tracks = {row.track for row in truth}
    countries = {row.country for row in truth}
    panes = {LIVE.pane_of(row.end_ms) for row in truth}
    for each in response.listens:
        assert each.track.id in tracks
        assert each.country in countries
        assert each.end_time.ToMilliseconds() in panes
    assert sample_listens(request, sources) == response
    request.size = 5
    assert len(sample_listens(request, sources).listens) == min(5, len(truth))


def test_history_is_answered_by_its_own_clock(sources, past):
    start_ms, end_ms = past.start_ms - 86_400_000, past.end_ms - 2 * 86_400_000
    request = query_pb2.ListTopRequest(
        data_set="history", entity=query_pb2.ENTITY_ARTISTS, size=1_000
    )
    request.range.start.FromMilliseconds(start_ms)
    request.range.end.FromMilliseconds(end_ms)
    truth = Counter(
        row.artist for row in past.within(start_ms, end_ms) if not row.artist.startswith("Outsider")
    )
    found = dict(ranking(request, sources))
    assert {name: found[name] for name in truth} == truth


def test_every_answer_says_how_it_is_protected(sources, crowd):
    request = query_pb2.CountDistinctRequest(
        data_set="live", range=live_range(), distinct=query_pb2.DISTINCT_TRACKS
    )
    basis = count_distinct(request, sources).basis
    assert basis.privacy_mode == query_pb2.PRIVACY_MODE_ENFORCED
    assert basis.confidence == 0.95
    assert basis.data_set == "live"
    assert basis.range == live_range()
    assert list(basis.catalogue_versions) == [crowd.catalogue.version]
