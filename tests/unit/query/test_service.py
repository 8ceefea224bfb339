"""The service over gRPC: kept answers, shared work, refusals, watches."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from tests.unit.query.conftest import hold, serve
from tests.unit.query.serving import Serving

from sottovoce.client import (
    AsyncClient,
    BadQuestion,
    Client,
    NotComplete,
    ServiceFault,
    TimeRange,
    TooManyQuestions,
    Unavailable,
)
from sottovoce.client.reading import time_range
from sottovoce_query import questions
from sottovoce_query.answers import Answers
from sottovoce_query.ranges import Range
from sottovoce_query.rpc.watch_trends import trends


def between(crowd, first=0, stop=90_000) -> TimeRange:
    return time_range(Range(crowd.start_ms + first, crowd.start_ms + stop).to_message())


@pytest.fixture
def client(serving):
    with Client(serving.address) as client:
        yield client


@pytest.fixture
def worked_out(monkeypatch):
    """Counts how often each question is worked out."""
    counts = Counter()

    def counted(question):
        def answer(request, sources, **more):
            counts[question.name] += 1
            return question.answer(request, sources, **more)

        return replace(question, answer=answer)

    every = [counted(each) for each in questions.QUESTIONS]
    monkeypatch.setattr("sottovoce_query.service.QUESTIONS", every)
    return counts


def eventually(holds):
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_question_asked_again_is_not_worked_out_again(worked_out, sources, crowd):
    serving = Serving()
    serving.open(sources)
    with Client(serving.address) as client:
        first = client.top_tracks("live", between(crowd))
        assert all(client.top_tracks("live", between(crowd)) == first for _ in range(5))
        assert client.search("song") == client.search("song")
        for _ in range(2):
            client.status()
            client.distinct_tracks("live", between(crowd))
    serving.stop()
    assert worked_out == {"ListTop": 1, "SearchTracks": 1, "GetStatus": 2, "CountDistinct": 1}
    assert serving.calls("ListTop") == 6


def test_an_answer_is_worked_out_again_when_its_releases_changed_and_not_for_cells(
    worked_out, crowd
):
    cells = hold(crowd)
    serving = Serving()
    sources = serve({"live": crowd}, {"live": cells})
    serving.open(sources)
    with Client(serving.address) as client:
        for _ in range(3):
            client.distinct_tracks("live", between(crowd, 30_000, 60_000))
            cells.settled += 1
        assert worked_out == {"CountDistinct": 1}
        sources.releasing.shelf.revision += 1
        client.distinct_tracks("live", between(crowd, 30_000, 60_000))
    serving.stop()
    assert worked_out == {"CountDistinct": 2}


def test_the_same_question_at_the_same_time_is_worked_out_once(monkeypatch, sources, crowd):
    release, worked = threading.Event(), []

    def slow(request, sources):
        worked.append(1)
        release.wait(10)
        return questions.count_distinct(request, sources)

    monkeypatch.setattr("sottovoce_query.service.QUESTIONS", [_like("CountDistinct", slow)])
    serving = Serving(max_waiting=1)
    serving.open(sources)
    with Client(serving.address) as client, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(client.distinct_tracks, "live", between(crowd)) for _ in range(4)]
        while not worked:
            time.sleep(0.01)
        with pytest.raises(TooManyQuestions) as refused:
            client.distinct_artists("live", between(crowd))
        release.set()
        assert len({each.result().count.value for each in asked}) == 1
    serving.stop()
    assert refused.value.retry_after == timedelta(seconds=1)
    assert worked == [1]


def _like(name, answer):
    known = next(each for each in questions.QUESTIONS if each.name == name)
    return replace(known, answer=answer)


def test_a_fault_is_told_without_its_inside(monkeypatch, sources, crowd):
    def broken(request, sources):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("sottovoce_query.service.QUESTIONS", [_like("CountDistinct", broken)])
    serving = Serving()
    serving.open(sources)
    with Client(serving.address) as client, pytest.raises(ServiceFault) as failed:
        client.distinct_tracks("live", between(crowd))
    serving.stop()
    assert "secret" not in str(failed.value)
    assert serving.calls("CountDistinct", "INTERNAL") == 1


def test_bytes_that_are_no_message_are_refused(serving, sources):
    serving.open(sources)
    with grpc.insecure_channel(serving.address) as channel:
        call = channel.unary_unary("/sottovoce.v1.QueryService/ListTop")
        with pytest.raises(grpc.RpcError) as refused:
            call(b"\xff\xff\xff")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_before_the_log_is_read_everything_is_unavailable(serving, client):
    with pytest.raises(Unavailable, match="still reading the log"):
        client.status()
    with pytest.raises(Unavailable, match="still reading the log"):
        next(client.trends("live"))


def test_refusals_reach_the_client_with_their_details(serving, client, sources, crowd):
    serving.open(sources)
    with pytest.raises(BadQuestion, match="nearest range") as refused:
        client.top_tracks("live", between(crowd, 1_000))
    assert refused.value.reason == "RANGE_NOT_ALIGNED"
    assert refused.value.metadata == {"field": "range"}
    with pytest.raises(NotComplete) as refused:
        client.top_tracks("live", between(crowd, 0, 120_000))
    assert refused.value.retry_after > timedelta(0)
    eventually(lambda: serving.calls("ListTop", "INVALID_ARGUMENT") == 1)
    eventually(lambda: serving.calls("ListTop", "FAILED_PRECONDITION") == 1)


def test_trends_come_at_once_and_with_each_pane_and_end_with_the_service(serving, crowd):
    cells = hold(crowd, through_ms=crowd.start_ms + 42_000)
    sources = serve({"live": crowd}, {"live": cells})
    serving.open(sources)
    with Client(serving.address) as client:
        trends = client.trends("live", size=5)
        first = next(trends)
        assert first.basis.range == between(crowd, 10_000, 40_000)
        assert all(each.movement is None for each in first.tracks)
        truth = crowd.within(crowd.start_ms, crowd.start_ms + 30_000)
        assert first.listeners.contains(len({row.listener for row in truth}))
        for shard in range(3):
            cells.apply(shard, *crowd.progress(shard, crowd.start_ms + 50_000, 1))
        cells.update()
        sources.releasing.follow()
        serving.call(serving.service.notify)
        second = next(trends)
        assert second.basis.range == between(crowd, 20_000, 50_000)
        before = {each.entry.name: each.entry.rank for each in first.tracks}
        for each in second.tracks:
            rank = before.get(each.entry.name)
            assert each.movement == (rank - each.entry.rank if rank else None)
        plays = crowd.within(crowd.start_ms + 20_000, crowd.start_ms + 50_000)
        assert second.plays.value == len(plays)
        serving.call(serving.service.end)
        with pytest.raises(Unavailable, match="ending"):
            next(trends)


def test_a_watcher_that_leaves_is_let_go(serving, sources):
    serving.open(sources)
    with Client(serving.address) as client:
        trends = client.trends("live")
        next(trends)
        trends.close()
    eventually(lambda: serving.calls("WatchTrends", "CANCELLED") == 1)


def test_watching_sealed_data_in_many_ways_keeps_only_some_of_it(serving, client, sources):
    serving.open(sources)
    for hours in range(1, 80):
        trends = client.trends("history", timedelta(hours=hours), size=1)
        next(trends)
        trends.close()
    assert 0 < len(serving.service._trends) <= 64


def test_trends_that_failed_are_tried_again(monkeypatch, serving, client, sources):
    failures = [ZeroDivisionError("once")]

    def fail_once(watch, of):
        if failures:
            raise failures.pop()
        return trends(watch, of)

    monkeypatch.setattr("sottovoce_query.service.trends", fail_once)
    serving.open(sources)
    with pytest.raises(ServiceFault):
        next(client.trends("history"))
    assert next(client.trends("history")).plays.value > 0


def test_the_async_client_asks_the_same(serving, sources, crowd):
    serving.open(sources)

    async def ask():
        async with AsyncClient(serving.address) as client:
            latest = await client.latest("live", timedelta(minutes=1))
            top = await client.top_tracks("live", latest)
            trends = await anext(client.trends("live", timedelta(minutes=1)))
            return latest, top, trends

    latest, top, trends = asyncio.run(ask())
    assert latest == between(crowd, 30_000)
    assert [each.entry for each in trends.tracks] == list(top.entries)
    with Client(serving.address) as client:
        assert client.top_tracks("live", latest) == top


def test_answers_are_kept_within_their_bytes_the_least_asked_first():
    answers = Answers(1_000)
    for number in range(3):
        answers.put("M", bytes([number]), 1, "live", b"x" * 100)
    assert len(answers) == 2
    assert answers.get("M", b"\0") is None
    answers.get("M", b"\1")
    answers.put("M", b"\3", 1, "live", b"x" * 100)
    assert answers.get("M", b"\1") == (1, "live", b"x" * 100)
    assert answers.get("M", b"\2") is None
    answers.put("M", b"\4", 1, "live", b"x" * 1_000)
    assert answers.get("M", b"\4") is None
    for question in (b"\1", b"\3"):
        answers.drop("M", question)
    assert answers.bytes_held == 0
