"""The client without a network: what it asks, what it makes of answers and of errors."""

from __future__ import annotations

import asyncio
import doctest
import inspect
import math
from datetime import UTC, datetime, timedelta, timezone

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from tests.unit.client.fake import AsyncFakeTransport, FakeTransport

import sottovoce.client
from sottovoce.client import (
    AsyncClient,
    BadQuestion,
    BudgetSpent,
    Client,
    NoBudget,
    NoLongerHeld,
    NotAllowed,
    NotComplete,
    NotFound,
    QueryError,
    Series,
    ServiceFault,
    TimeRange,
    TooManyQuestions,
    TrackRef,
    Unavailable,
)
from sottovoce.client.transport import as_query_error
from sottovoce.wire.v1 import query_pb2

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
RANGE = TimeRange(NOON, NOON + timedelta(hours=1))


def status(through=NOON + timedelta(minutes=7, seconds=30)):
    message = query_pb2.GetStatusResponse(
        version="1",
        privacy_mode=query_pb2.PRIVACY_MODE_ENFORCED,
        catalogue_tracks=5,
        epsilon=1.0,
        delta=1e-9,
    )
    live = message.data_sets.add(name="live", shards=4, waits_for="Time goes by.", admitted=7)
    live.pane.seconds, live.ranking.seconds, live.slice.seconds = 60, 150, 300
    live.refused.add(reason="late", count=3)
    if through is not None:
        live.complete_through.FromDatetime(through)
    return message


def top():
    message = query_pb2.ListTopResponse()
    message.entries.add(
        rank=1,
        track=query_pb2.Track(title="First Song", artists=["Made-up Artist"], genre="dub"),
        count=query_pb2.Estimate(value=7, lower=7, upper=7),
    )
    return message


def test_times_and_sizes_go_out_as_they_were_meant():
    transport = FakeTransport(ListTop=top())
    east = timezone(timedelta(hours=2))
    asked = TimeRange(RANGE.start.astimezone(east), RANGE.end)
    answer = Client(transport=transport, timeout=3).top_tracks(
        "live", asked, by="listeners", size=4
    )
    method, request, timeout = transport.asked[0]
    assert (method, timeout) == ("ListTop", 3)
    assert request.range.start.seconds == int(NOON.timestamp())
    assert (request.measure, request.size) == (query_pb2.MEASURE_LISTENERS, 4)
    assert answer.entries[0].name == "Made-up Artist: First Song"
    assert answer.entries[0].count.value == 7


@pytest.mark.parametrize(
    ("series", "field"),
    [
        (Series.all(), "all"),
        (Series.new_listeners(), "new_listeners"),
        (Series.genre("dub"), "genre"),
        (Series.country("DE"), "country"),
        (Series.artist("A"), "artist"),
        (Series.track("x" * 22), "track"),
        (Series.track(TrackRef(artist="A", title="T")), "track"),
    ],
)
def test_every_series_has_its_field(series, field):
    transport = FakeTransport(GetWindow=query_pb2.GetWindowResponse())
    Client(transport=transport).window("live", series, timedelta(minutes=3))
    request = transport.asked[0][1]
    assert request.series.WhichOneof("series") == field
    assert request.window.seconds == 180


def test_a_time_without_a_zone_is_refused_before_it_is_sent():
    transport = FakeTransport()
    naive = TimeRange(datetime(2026, 5, 1), datetime(2026, 5, 2))  # noqa: DTZ001
    with pytest.raises(BadQuestion, match="time zone"):
        Client(transport=transport).genres("live", naive)
    with pytest.raises(BadQuestion, match="by: 'love' is none of plays, listeners"):
        Client(transport=transport).top_tracks("live", RANGE, by="love")
    assert not transport.asked


@pytest.mark.parametrize(
    ("minutes", "grain", "start", "end"),
    [
        (3, "pane", 4, 7),
        (2.5, "pane", 4, 7),
        (3, "ranking", 2.5, 7.5),
        (3, "slice", 0, 5),
        (6, "slice", -5, 5),
    ],
)
def test_the_latest_range_lies_on_the_grain(minutes, grain, start, end):
    client = Client(transport=FakeTransport(GetStatus=status()))
    found = client.latest("live", timedelta(minutes=minutes), grain)
    assert found == TimeRange(NOON + timedelta(minutes=start), NOON + timedelta(minutes=end))


def test_the_latest_range_says_why_there_is_none():
    client = Client(transport=FakeTransport(GetStatus=status(None)))
    with pytest.raises(NotComplete, match=r"nowhere yet: Time goes by\."):
        client.latest("live", timedelta(minutes=1))
    with pytest.raises(NotFound, match="there are: live"):
        client.latest("dead", timedelta(minutes=1))


class RpcError(grpc.RpcError):
    """A gRPC error as a channel raises it."""

    def __init__(self, code, text="a sentence", *details):
        self._code, self._text = code, text
        status = status_pb2.Status()
        for detail in details:
            box = any_pb2.Any()
            box.Pack(detail)
            status.details.append(box)
        self._metadata = (("grpc-status-details-bin", status.SerializeToString()),)

    def code(self):
        return self._code

    def details(self):
        return self._text

    def trailing_metadata(self):
        return self._metadata


INFO = error_details_pb2.ErrorInfo(reason="WHY", metadata={"k": "v"})


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, BadQuestion),
        (grpc.StatusCode.NOT_FOUND, NotFound),
        (grpc.StatusCode.FAILED_PRECONDITION, NotComplete),
        (grpc.StatusCode.OUT_OF_RANGE, NoLongerHeld),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, TooManyQuestions),
        (grpc.StatusCode.PERMISSION_DENIED, NotAllowed),
        (grpc.StatusCode.UNAUTHENTICATED, NotAllowed),
        (grpc.StatusCode.UNAVAILABLE, Unavailable),
        (grpc.StatusCode.INTERNAL, ServiceFault),
        (grpc.StatusCode.UNIMPLEMENTED, ServiceFault),
    ],
)
def test_each_code_is_an_error_that_says_what_can_be_done(code, kind):
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1_500)
    for details in ((INFO, retry), (retry, INFO)):
        error = as_query_error(RpcError(code, "a sentence", *details), "here:1")
        assert type(error) is kind
        assert isinstance(error, QueryError)
        assert (str(error), error.reason, error.metadata) == ("a sentence", "WHY", {"k": "v"})
        assert error.retry_after == timedelta(seconds=1.5)


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "BUDGET_SPENT", BudgetSpent),
        (grpc.StatusCode.FAILED_PRECONDITION, "NO_BUDGET", NoBudget),
        (grpc.StatusCode.FAILED_PRECONDITION, "NOT_PERSONAL", NotAllowed),
    ],
)
def test_some_reasons_say_more_than_their_code(code, reason, kind):
    info = error_details_pb2.ErrorInfo(reason=reason, metadata={"left": "0.1"})
    error = as_query_error(RpcError(code, "a sentence", info), "here:1")
    assert type(error) is kind
    assert error.metadata == {"left": "0.1"}


def test_an_address_where_nobody_answers_is_named():
    error = as_query_error(RpcError(grpc.StatusCode.UNAVAILABLE, "refused"), "here:1")
    assert str(error).startswith("no query service answers at here:1 (refused)")
    slow = as_query_error(RpcError(grpc.StatusCode.DEADLINE_EXCEEDED), "here:1")
    assert str(slow) == "the query service at here:1 took too long to answer"


def test_nobody_listens_at_a_closed_port():
    with Client("127.0.0.1:1", timeout=5) as client, pytest.raises(Unavailable):
        client.status()


def test_absent_values_stay_absent():
    message = query_pb2.SampleListensResponse()
    message.listens.add(track=query_pb2.Track(id="x"), country="")
    known = message.listens.add(skipped=False)
    known.played.seconds = 2
    sample = Client(transport=FakeTransport(SampleListens=message)).sample("live", RANGE)
    assert [each.played for each in sample.listens] == [None, timedelta(seconds=2)]
    assert [each.skipped for each in sample.listens] == [None, False]


def test_a_correlation_is_a_matrix():
    message = query_pb2.GetCorrelationResponse(features=["a", "b"])
    for value in (1, 0.5, 0.5, math.nan):
        message.correlations.add(value=value, lower=value, upper=value)
    answer = Client(transport=FakeTransport(GetCorrelation=message)).correlation("live", RANGE)
    assert [each.value for each in answer.matrix[0]] == [1, 0.5]
    assert math.isnan(answer.matrix[1][1].value)


def test_trends_are_read_one_by_one_and_movement_may_be_absent():
    messages = [query_pb2.WatchTrendsResponse(), query_pb2.WatchTrendsResponse()]
    messages[0].tracks.add()
    messages[1].tracks.add(movement=0)
    messages[1].listeners.value = 3
    trends = list(Client(transport=FakeTransport(WatchTrends=messages)).trends("live"))
    assert [each.tracks[0].movement for each in trends] == [None, 0]
    assert trends[0].listeners is None
    assert trends[1].listeners.value == 3


def test_a_sample_says_what_its_rows_are():
    message = query_pb2.SampleListensResponse(kind=query_pb2.SAMPLE_KIND_SYNTHETIC)
    transport = FakeTransport(SampleListens=message)
    client = Client(transport=transport)
    assert client.sample("live", RANGE, 5, "real").kind == "synthetic"
    client.sample("live", RANGE)
    kinds = [request.kind for _, request, _ in transport.asked]
    assert kinds == [query_pb2.SAMPLE_KIND_REAL, query_pb2.SAMPLE_KIND_UNSPECIFIED]
    with pytest.raises(BadQuestion, match="kind: 'raw' is none of synthetic, own, real"):
        client.sample("live", RANGE, kind="raw")


def test_the_status_says_what_a_slice_may_spend():
    told = Client(transport=FakeTransport(GetStatus=status())).status()
    assert (told.privacy_mode, told.epsilon, told.delta) == ("enforced", 1.0, 1e-9)
    assert told.data_sets["live"].ranking == timedelta(minutes=2.5)


def test_a_budget_without_a_plan_or_anything_spent_has_none():
    message = query_pb2.GetBudgetResponse(data_sets=[query_pb2.DataSetBudget(data_set="live")])
    transport = FakeTransport(GetBudget=message)
    budget = Client(transport=transport).budget("live", 7)
    assert (transport.asked[0][1].data_set, transport.asked[0][1].size) == ("live", 7)
    assert budget.data_sets[0].plan is None
    assert budget.opened_at is None
    assert budget.worst_day.first_day is None


def test_charges_come_one_by_one_and_have_an_epsilon_only_where_they_are_pure():
    messages = [
        query_pb2.ListChargesResponse(statistic="genres", epsilon=0.5, rho=0.125),
        query_pb2.ListChargesResponse(statistic="features", rho=0.25),
    ]
    charges = Client(transport=FakeTransport(ListCharges=messages)).charges("live")
    told = [(each.statistic, each.epsilon, each.rho) for each in charges]
    assert told == [("genres", 0.5, 0.125), ("features", None, 0.25)]


def test_leaving_a_client_closes_its_transport():
    transport = FakeTransport()
    with Client(transport=transport):
        pass
    assert transport.closed

    async def leave():
        async with AsyncClient(transport=AsyncFakeTransport()) as client:
            return client._transport

    assert asyncio.run(leave()).closed


def test_both_clients_have_the_same_methods():
    def methods(client):
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(client, inspect.isfunction)
            if not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)


def test_what_is_exported_is_there():
    assert all(hasattr(sottovoce.client, name) for name in sottovoce.client.__all__)


@pytest.mark.parametrize("module", ["client", "async_client"])
def test_the_examples_run(monkeypatch, module):
    loaded = __import__(f"sottovoce.client.{module}", fromlist=[module])
    kind = {"client": FakeTransport, "async_client": AsyncFakeTransport}[module]
    name = {"client": "GrpcTransport", "async_client": "AsyncGrpcTransport"}[module]
    monkeypatch.setattr(loaded, name, lambda *_, **__: kind(GetStatus=status(), ListTop=top()))
    results = doctest.testmod(loaded)
    assert results.attempted >= 3
    assert results.failed == 0
