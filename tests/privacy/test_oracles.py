"""Metrics and error messages as oracles: neighbouring cells look alike from outside the gate."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from google.protobuf import duration_pb2
from prometheus_client import CollectorRegistry, generate_latest
from tests.privacy.made_up_gate import START, World, draw_heard

from sottovoce.catalogue import int_to_spotify_id
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.answers import Answers
from sottovoce_query.errors import QuestionError
from sottovoce_query.metrics import HeldMetrics
from sottovoce_query.questions import QUESTIONS
from sottovoce_query.ranges import Range
from sottovoce_query.releases.exact import Exact

VICTIM = 3
TOTALS = {"sottovoce_query_merged_slice_bytes"}
"""Operational totals, for operators and outside the second promise, as the docs say."""


def neighbours():
    """With the victim, without, and with nobody at all; the victim alone heard the last track."""
    heard = draw_heard(np.random.default_rng(6), 40, 300, 39)
    heard.songs[np.flatnonzero(heard.who == VICTIM)] = 39
    return {
        "with": World([heard] * 3),
        "without": World([heard.without(VICTIM)] * 3),
        "nobody": World([None] * 3),
    }


@pytest.fixture(scope="module")
def sources():
    return {name: world.replica().release_all().sources() for name, world in neighbours().items()}


def ranges():
    """Good ones, and every way to be wrong."""
    whole = [(0, 60_000), (0, 120_000), (60_000, 180_000), (0, 30_000), (6_000, 12_000)]
    wrong = [(0, 0), (7, 60_000), (0, 61_000), (-60_000, 0), (0, 240_000), (180_000, 240_000)]
    for first, stop in whole + wrong:
        yield Range(START + first, START + stop).to_message()
    yield query_pb2.TimeRange()


def tracks():
    catalogue = World([None]).catalogue
    yield from (query_pb2.TrackRef(spotify_id=catalogue.track_id(row)) for row in (0, 5, 39))
    yield query_pb2.TrackRef(spotify_id=int_to_spotify_id(1, 2))
    yield query_pb2.TrackRef(artist="Nobody", title="Nothing")
    yield query_pb2.TrackRef(spotify_id="?")
    yield query_pb2.TrackRef()


def series():
    yield query_pb2.SeriesRef(all=query_pb2.AllPlays())
    yield query_pb2.SeriesRef()
    yield from (query_pb2.SeriesRef(genre=name) for name in ("bebop", "noise", ""))
    yield from (query_pb2.SeriesRef(country=name) for name in ("DE", "unknown", "??", "ZZ"))
    yield from (query_pb2.SeriesRef(artist=name) for name in ("Made-up Artist 3", "Nobody", ""))
    yield from (query_pb2.SeriesRef(track=each) for each in tracks())


def requests():
    """One question after the other, by name: each field right, and each field wrong."""
    lengths = [duration_pb2.Duration(seconds=each) for each in (0, 6, 7, 30, 60, 10**7)]
    sizes = (0, 5, -1, 10**6)
    for asked in ranges():
        shared = {"data_set": "live", "range": asked}
        for distinct in range(4):
            yield "CountDistinct", query_pb2.CountDistinctRequest(distinct=distinct, **shared)
        for each in tracks():
            yield "CheckPlayed", query_pb2.CheckPlayedRequest(tracks=[each], **shared)
        yield "CheckPlayed", query_pb2.CheckPlayedRequest(**shared)
        yield "GetPlayedFilter", query_pb2.GetPlayedFilterRequest(**shared)
        for size in sizes:
            yield "SampleListens", query_pb2.SampleListensRequest(size=size, **shared)
        for entity, measure, size in itertools.product(range(3), range(3), (5, -1)):
            yield (
                "ListTop",
                query_pb2.ListTopRequest(entity=entity, measure=measure, size=size, **shared),
            )
        for dimension in range(3):
            yield "GetDistribution", query_pb2.GetDistributionRequest(dimension=dimension, **shared)
        yield "GetCorrelation", query_pb2.GetCorrelationRequest(**shared)
        for each in series():
            yield "GetSeries", query_pb2.GetSeriesRequest(series=each, **shared)
    for each, window in itertools.product(series(), lengths):
        yield "GetWindow", query_pb2.GetWindowRequest(data_set="live", series=each, window=window)
    yield "GetWindow", query_pb2.GetWindowRequest(data_set="dead")
    for each in tracks():
        yield "FindSimilarTracks", query_pb2.FindSimilarTracksRequest(track=each)
    for size in sizes:
        yield "SearchTracks", query_pb2.SearchTracksRequest(text="made", size=size)
        yield "GetBudget", query_pb2.GetBudgetRequest(data_set="live", size=size)
    yield "GetStatus", query_pb2.GetStatusRequest()


def outcomes(sources):
    """What a caller learns of each question but for released figures: an answer, or which error."""
    answer = {each.name: each.answer for each in QUESTIONS}
    told = []
    for name, request in requests():
        try:
            answer[name](request, sources)
            told.append((name, "answered"))
        except QuestionError as error:
            told.append((name, str(error), error.reason, sorted(error.metadata.items())))
    return told


def test_every_method_is_asked():
    assert {name for name, _ in requests()} == {each.name for each in QUESTIONS}


def test_the_same_question_about_neighbouring_cells_has_the_same_error(sources):
    told = {name: outcomes(each) for name, each in sources.items()}
    reasons = {each[2] for each in told["with"] if len(each) > 2}
    assert len(reasons) >= 5
    assert ("CountDistinct", "answered") in told["with"]
    for name in ("without", "nobody"):
        different = [pair for pair in zip(told["with"], told[name], strict=True)
                     if pair[0] != pair[1]]  # fmt: skip
        assert different == []


def test_an_error_that_looks_into_the_cells_is_caught(sources, monkeypatch):
    """The defence removed: nothing is said of a slice where nobody listened."""
    vector = Exact.vector

    def unless_empty(self, statistic, slices, first, stop):
        if self._cells.slice(slices[0]) is None:
            raise QuestionError(None, "EMPTY", "nobody listened then")
        return vector(self, statistic, slices, first, stop)

    monkeypatch.setattr(Exact, "vector", unless_empty)
    fresh = {name: world.replica().sources() for name, world in neighbours().items()}

    def told(of):
        gate = of.by_name["live"].gate
        try:
            return gate.distinct_tracks(Range(START, START + 60_000)) is not None
        except QuestionError as error:
            return str(error)

    assert told(fresh["with"]) != told(fresh["nobody"])


def page(sources):
    """What Prometheus reads, by series."""
    registry = CollectorRegistry()
    materialiser = SimpleNamespace(sources=sources, names=0, lag=0)
    registry.register(HeldMetrics(materialiser, Answers(1 << 20)))
    lines = generate_latest(registry).decode().splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_metrics_of_neighbours_are_alike_but_for_totals_and_name_nobody():
    worlds = neighbours()
    with_victim, without, _ = (
        page(world.replica().release_all().sources()) for world in worlds.values()
    )
    assert with_victim.keys() == without.keys()
    differ = {name for name in with_victim if with_victim[name] != without[name]}
    differ -= {name for name in differ if "freshness" in name}
    assert {name.partition("{")[0] for name in differ} <= TOTALS
    allowed = ("data_set", "statistic", "pot", "reason", "method", "code", "kind", "verdict")
    for name in with_victim:
        labels = name.partition("{")[2].rstrip("}")
        assert all(label.partition("=")[0] in allowed for label in labels.split(",") if label)
