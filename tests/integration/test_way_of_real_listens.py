"""A real listening log goes the whole way: what is counted is what pandas says of the file.

The cells are compared exactly, through `tests.exact_service`; the query service, whose answers go
through the gate, within its intervals.
"""

from __future__ import annotations

import dataclasses
import gzip
import subprocess
import urllib.request
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from tests.exact_service import ExactService
from tests.integration.listens_by_pandas import (
    FEATURES,
    correlations,
    joined,
    normal,
    read_catalogue,
    read_listens,
)
from tests.integration.whole_way import WholeWay, wait_until

from sottovoce.client import Series, TimeRange, TrackRef
from sottovoce.data_sets import PROFILES
from sottovoce.data_sets.creation import FIRST_TERMS
from sottovoce.kafka import KafkaSettings
from sottovoce.local.checks import check_distribution, check_figure, check_figures
from sottovoce.local.metrics_page import read_metrics

DAY = timedelta(days=1)
C = FIRST_TERMS["history"].listens_per_slice
UNBOUNDED = 1_000_000


@pytest.fixture(scope="module")
def way(broker, tmp_path_factory):
    settings = KafkaSettings(
        kafka_bootstrap=broker.bootstrap, kafka_topic_prefix="real-listens.", _env_file=None
    )
    with WholeWay(settings, tmp_path_factory.mktemp("way")) as way:
        live = dataclasses.replace(PROFILES["demo"]["live"], slice_ms=5_000, pane_ms=1_000)
        unbounded = dataclasses.replace(
            FIRST_TERMS["live"],
            lateness_ms=20_000,
            listens_per_slice=UNBOUNDED,
            slices_per_day=UNBOUNDED,
        )
        way.make([live, PROFILES["demo"]["history"]], [unbounded, FIRST_TERMS["history"]])
        yield way


@pytest.fixture(scope="module")
def log(real_data):
    return real_data / "spotify_listens.csv.gz"


@pytest.fixture(scope="module")
def catalogue(real_data):
    return read_catalogue(real_data / "spotify_tracks.csv.gz")


@pytest.fixture(scope="module")
def truth(log, catalogue):
    return joined(read_listens(log, listens_per_day=C), catalogue)


@pytest.fixture(scope="module")
def client(way, log, real_data, truth):
    way.administer("catalogue", "import", str(real_data / "spotify_tracks.csv.gz"), "--use")
    way.start_consumer("--heartbeat-seconds=0.5")
    way.start_producer()
    way.live_import = way.hand_over("log", str(log), "--into=live", "--pace=max")
    way.hand_over("log", str(log), "--into=history").finish(timeout=300)
    end = truth.day.max() + DAY
    way.administer("seal", f"--through={end:%Y-%m-%d}", "--wait")
    exactly = ExactService(way.settings)
    client = exactly.client

    def counted() -> bool:
        status = client.status().data_sets["history"]
        return status.admitted >= len(truth) and status.complete_through == end.to_pydatetime()

    wait_until(counted, "history is complete")
    yield client
    exactly.close()


@pytest.fixture(scope="module")
def gate(way, client):
    """The query service in the mode enforced, at its defaults."""
    with way.start_query() as asking:
        yield asking


@pytest.fixture(scope="module")
def whole(truth):
    return TimeRange(truth.day.min().to_pydatetime(), (truth.day.max() + DAY).to_pydatetime())


def ranges(truth):
    """Some ranges of whole days: all, a year, a month, a day, a quiet day, a busy one."""
    days = truth.groupby("day").size()
    begin, end = truth.day.min(), truth.day.max() + DAY
    spans = [
        (begin, end),
        (begin + 365 * DAY, begin + 730 * DAY),
        (end - 30 * DAY, end),
        (days.idxmax(), days.idxmax() + DAY),
        (days.idxmin(), days.idxmin() + DAY),
    ]
    return [
        (
            TimeRange(start.to_pydatetime(), stop.to_pydatetime()),
            truth[(truth.end >= start) & (truth.end < stop)],
        )
        for start, stop in spans
    ]


def exact(estimate):
    assert estimate.lower == estimate.value == estimate.upper
    return estimate.value


def names(entries):
    return [entry.name for entry in entries]


def test_the_status_tells_what_was_counted(client, truth, whole):
    status = client.status().data_sets["history"]
    assert status.admitted == len(truth)
    assert sum(status.refused.values()) == 0
    assert status.complete_through == whole.end


def test_distinct_listeners_tracks_and_artists(client, truth):
    for asked, rows in ranges(truth):
        listeners = client.distinct_listeners("history", asked).count
        assert listeners.lower <= rows.user.nunique() <= listeners.upper
        assert round(listeners.value) == rows.user.nunique()
        tracks = rows.groupby(["artist", "title"]).ngroups
        assert exact(client.distinct_tracks("history", asked).count) == tracks
        assert exact(client.distinct_artists("history", asked).count) == rows.artist.nunique()


def test_top_tracks_and_artists_by_plays(client, truth):
    for asked, rows in ranges(truth):
        tracks = rows.groupby(["artist", "title"]).size().sort_values(ascending=False)
        found = client.top_tracks("history", asked, size=50).entries
        assert [exact(entry.count) for entry in found] == tracks.head(50).tolist()
        for entry in found:
            key = (normal(entry.track.artists[0]), normal(entry.track.title))
            assert tracks[key] == entry.count.value
        artists = rows.groupby("artist").size().sort_values(ascending=False)
        found = client.top_artists("history", asked, size=50).entries
        assert [exact(entry.count) for entry in found] == artists.head(50).tolist()
        assert all(artists[normal(entry.artist)] == entry.count.value for entry in found)


def test_top_tracks_and_artists_by_listeners(client, truth):
    for asked, rows in ranges(truth):
        for columns, ask in (
            (["artist", "title"], client.top_tracks),
            (["artist"], client.top_artists),
        ):
            once = rows.drop_duplicates(["user", "day", *columns])
            wanted = once.groupby(columns).size().sort_values(ascending=False).head(40)
            found = ask("history", asked, by="listeners", size=40).entries
            assert [exact(entry.count) for entry in found] == wanted.tolist()


def test_distributions(client, truth):
    for asked, rows in ranges(truth):
        genres = client.genres("history", asked)
        assert exact(genres.total) == len(rows)
        assert {share.name: exact(share.plays) for share in genres.shares if share.plays.value} == (
            rows.groupby("genre").size().to_dict()
        )
        countries = client.countries("history", asked)
        assert {
            share.name: share.plays.value for share in countries.shares if share.plays.value
        } == {"unknown": len(rows)}


def test_correlation_of_features(client, truth):
    for asked, rows in ranges(truth)[:3]:
        found = client.correlation("history", asked)
        wanted, plays = correlations(rows)
        assert found.plays.value == plays
        order = [found.features.index(name) for name in FEATURES]
        values = np.array([[cell.value for cell in row] for row in found.matrix])
        np.testing.assert_allclose(values[np.ix_(order, order)], wanted, atol=1e-4)


def test_series_by_pane_and_by_slice(client, truth):
    asked, rows = ranges(truth)[2]
    for series, chosen in (
        (Series.all(), rows),
        (Series.genre("pop"), rows[rows.genre == "pop"]),
        (Series.country("unknown"), rows),
        (Series.artist(rows.artist.mode()[0]), rows[rows.artist == rows.artist.mode()[0]]),
    ):
        for grain, frequency in (("pane", "h"), ("slice", "D")):
            points = client.series("history", asked, series, grain).points
            wanted = chosen.groupby(chosen.end.dt.floor(frequency)).size()
            found = {
                pd.Timestamp(point.range.start): exact(point.value)
                for point in points
                if point.value.value
            }
            assert found == wanted.to_dict()
            assert len(points) == asked.length / pd.Timedelta(1, frequency)


def test_windows_end_with_the_last_seal_and_keep_their_bound(client, truth, whole):
    for days in (1, 7, 30):
        rows = truth[truth.end >= whole.end - days * DAY]
        for series, wanted in (
            (Series.all(), len(rows)),
            (Series.genre("pop"), (rows.genre == "pop").sum()),
            (Series.new_listeners(), rows.groupby("day").user.nunique().sum()),
        ):
            found = client.window("history", series, timedelta(days=days))
            assert found.basis.range.end == whole.end
            assert found.count.lower <= wanted <= found.count.upper
            assert abs(found.count.value - wanted) <= 0.01 * wanted


def test_membership(client, truth, whole):
    played = truth.drop_duplicates(["artist", "title"]).head(200)
    refs = [TrackRef(artist=row.artist, title=row.title) for row in played.itertuples()]
    refs += [TrackRef(artist=f"nobody {number}", title="nothing") for number in range(50)]
    found = client.played("history", whole, refs)
    assert [there for _, there in found.tracks] == [True] * 200 + [False] * 50


def test_a_sample_is_of_real_rows(client, truth):
    asked, rows = ranges(truth)[2]
    sample = client.sample("history", asked)
    real = set(zip(rows.artist, rows.title, rows.end, rows.ms, strict=True))
    seen = [
        (
            normal(each.track.artists[0]),
            normal(each.track.title),
            each.end_time,
            round(each.played / timedelta(milliseconds=1)),
        )
        for each in sample.listens
    ]
    assert len(seen) == min(64, len(rows))
    assert set(seen) <= real
    assert len(set(seen)) == len(seen)


def test_similar_tracks_are_those_of_a_brute_force_search(client, truth, real_data):
    rows = pd.read_csv(real_data / "spotify_tracks.csv.gz")
    features = rows[FEATURES].to_numpy(float)
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    hits = 0
    for place in range(0, len(rows), len(rows) // 20):
        cosine = features @ features[place]
        cosine[place] = -2
        nearest = set(rows.track_id[np.argsort(-cosine)[:10]])
        found = client.similar(TrackRef(spotify_id=rows.track_id[place]), size=10)
        hits += len(nearest & {track.id for track, _ in found.similar})
    assert hits >= 0.9 * 10 * len(range(0, len(rows), len(rows) // 20))


def test_importing_again_changes_nothing(way, client, log, truth, whole):
    before = client.genres("history", whole)
    way.hand_over("log", str(log), "--into=history").finish(timeout=300)
    status = client.status().data_sets["history"]
    assert status.admitted == len(truth)
    assert client.genres("history", whole) == before


def test_shifted_to_now_the_same_plays_are_live(way, client, log, catalogue):
    rows = joined(read_listens(log, repeats=True), catalogue)
    way.live_import.finish(timeout=300)

    def live():
        return client.status().data_sets["live"]

    wait_until(lambda: live().admitted >= len(rows), "all of the log is counted as live")
    assert live().admitted == len(rows)
    slice_length = timedelta(seconds=5)
    end = datetime.now(UTC)  # the last listen may have ended in the very slice of now
    wait_until(lambda: live().last_slice >= end, "the slice of the last listen is complete")
    last = live().last_slice + slice_length
    asked = TimeRange(last - 2_000 * slice_length, last)
    genres = client.genres("live", asked)
    assert exact(genres.total) == len(rows)
    assert {share.name: share.plays.value for share in genres.shares if share.plays.value} == (
        rows.groupby("genre").size().to_dict()
    )
    tracks = rows.groupby(["artist", "title"]).size().sort_values(ascending=False)
    assert exact(client.distinct_tracks("live", asked).count) == len(tracks)
    found = client.top_tracks("live", asked, size=100).entries
    assert [entry.count.value for entry in found] == tracks.head(100).tolist()
    assert round(client.distinct_listeners("live", asked).count.value) == rows.user.nunique()
    page = read_metrics(way.ports["consumer"])
    assert page.total("sottovoce_consumer_listens_admitted_total", data_set="live") == len(rows)


def test_the_gate_tells_the_same_within_its_intervals(gate, truth, whole):
    """Six people are few for a gate: at C = 200 a day's noise is greater than what they played."""
    checks = []
    for asked, rows in ranges(truth)[1:3]:
        genres = gate.genres("history", asked)
        checks.append(check_distribution("genres", genres, Counter(rows.genre)))
        points = gate.series("history", asked, Series.new_listeners(), "slice").points
        by_day = rows.groupby("day").user.nunique()
        pairs = [(each.value, by_day.get(pd.Timestamp(each.range.start), 0)) for each in points]
        checks.append(check_figures("listeners", pairs))
    day, rows = ranges(truth)[3]
    tracks = rows.groupby(["artist", "title"]).ngroups
    checks.append(check_figure("tracks", gate.distinct_tracks("history", day).count, tracks))
    assert [each for each in checks if not each.fine] == []
    assert gate.genres("history", asked) == genres


def test_a_question_of_the_reserve_is_paid_by_each_of_its_days(gate, whole):
    asked = TimeRange(whole.end - 3 * DAY, whole.end)
    found = gate.distinct_listeners("history", asked)
    assert gate.distinct_listeners("history", asked) == found
    paid = [each for each in gate.charges("history") if each.statistic == "listeners"]
    assert [(each.slices, each.pot) for each in paid] == [(3, "reserve")]


def test_another_log_of_the_same_shape_needs_no_change(way, client, tmp_path, truth):
    path = tmp_path / "other.csv.gz"
    later = truth.day.max() + 2 * DAY
    lines = ["user_id,end_time,artist_name,track_name,ms_played"] + [
        f"someone{number % 3},{later + number * timedelta(minutes=7):%Y-%m-%dT%H:%M:%SZ},"
        f"Band {number % 5},Song {number % 11},{60_000 + number}"
        for number in range(100)
    ]
    with gzip.open(path, "wt") as file:
        file.write("\n".join(lines) + "\n")
    before = client.status().data_sets["history"].admitted
    way.hand_over("log", str(path), "--into=history").finish(timeout=300)
    end = later + DAY
    way.administer("seal", f"--through={end:%Y-%m-%d}", "--wait")

    def counted():
        status = client.status().data_sets["history"]
        return status.complete_through == end.to_pydatetime() and status.admitted == before + 100

    wait_until(counted, "the other log is complete")
    rows = read_listens(path)
    asked = TimeRange(later.to_pydatetime(), end.to_pydatetime())
    top = client.top_artists("history", asked, size=5).entries
    assert {entry.artist: entry.count.value for entry in top} == {
        f"Band {number}": float((rows.artist == f"band {number}").sum()) for number in range(5)
    }
    assert datetime.now(UTC) > end


@pytest.mark.parametrize("service", ["producer-metrics", "consumer", "query-metrics"])
def test_metrics_follow_the_conventions(way, gate, promtool, service):
    address = f"http://127.0.0.1:{way.ports[service]}/metrics"
    with urllib.request.urlopen(address, timeout=10) as answer:
        page = answer.read()
    linted = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True)
    assert linted.returncode == 0, linted.stderr.decode()
    assert linted.stdout == b""


def test_metrics_tell_the_true_totals(way, client, log, truth):
    every_play = len(read_listens(log, repeats=True))
    wait_until(
        lambda: client.status().data_sets["live"].admitted >= every_play, "live is all counted"
    )
    wait_until(
        lambda: (
            read_metrics(way.ports["consumer"]).total(
                "sottovoce_consumer_listens_admitted_total", data_set="live"
            )
            >= every_play
        ),
        "the consumer's metrics say so",
    )
    produced = read_metrics(way.ports["producer-metrics"])
    plays = produced.by_label("sottovoce_producer_plays_total", "outcome", data_set="history")
    assert plays["taken"] >= len(truth)
    consumed = read_metrics(way.ports["consumer"])
    for data_set, status in client.status().data_sets.items():
        admitted = consumed.total("sottovoce_consumer_listens_admitted_total", data_set=data_set)
        assert admitted == status.admitted
    assert (
        consumed.total("sottovoce_consumer_listens_admitted_total", data_set="live") == every_play
    )
    for data_set in ("live", "history"):  # a shard's first commit has no stamp to be measured by
        waited = consumed.total("sottovoce_consumer_freshness_seconds_sum", data_set=data_set)
        count = consumed.total("sottovoce_consumer_freshness_seconds_count", data_set=data_set)
        assert 0 <= waited <= 600 * count
