"""`ErasureService` over gRPC on a log in memory: asking, following, certifying."""

from __future__ import annotations

import asyncio
import itertools
import threading

import grpc
import pytest
from tests.memory_erasures import MemoryErasures, rebuilt, register_of
from tests.unit.query.crowd import HISTORY, LIVE

from sottovoce.catalogue import artist_key
from sottovoce.client import (
    AsyncClient,
    BadQuestion,
    Client,
    NoSigningKey,
    NotFound,
    Unavailable,
)
from sottovoce.client.erasures import STEPS
from sottovoce.erasure import SigningKey, Statement
from sottovoce.erasure.book import DENIED, GONE, NOTHING, REBUILT, TOMBSTONED, step_name
from sottovoce.erasure.certificate import from_json
from sottovoce.wire.v1 import data_set_pb2, erasure_service_pb2, erasure_service_pb2_grpc
from sottovoce_query.tracks import TrackNames

WHO, OTHER = "ab" * 16, "cd" * 16
KEY = SigningKey.create()


@pytest.fixture
def records():
    return []


@pytest.fixture
def register(records):
    return register_of(records, [LIVE, HISTORY], KEY)


@pytest.fixture
def client(serving, register):
    serving.erasures.open(register)
    with Client(serving.address) as found:
        yield found


def carry(records, erasure, step=GONE):
    for data_set in (LIVE, HISTORY):
        rebuilt(records, erasure, data_set, [], step)


def test_a_request_says_where_every_shard_stands(client, records):
    found = client.request_erasure(WHO)
    assert (found.step, found.complete, found.certified, found.progress) == (
        "requested",
        False,
        False,
        0.0,
    )
    assert [(each.data_set, each.shard) for each in found.shards] == [
        *(("live", shard) for shard in range(3)),
        *(("history", shard) for shard in range(2)),
    ]
    rebuilt(records, found.id, LIVE, [], TOMBSTONED)
    # Whoever asks a replica finds what it has read; it reads on while it is asked to ask.
    client.request_erasure(OTHER)
    found = client.erasure(found.id[:8])
    assert found.step == "requested"
    assert str(found) == "requested in 2 shards, tombstoned in 3 shards"
    assert found.progress == pytest.approx(3 * 3 / (4 * 5))


def test_whoever_is_asked_for_twice_has_one_erasure_until_it_is_over(client, records):
    first = client.request_erasure(WHO)
    assert client.request_erasure(WHO).id == first.id
    carry(records, first.id)
    assert client.request_erasure(WHO).id != first.id


def test_two_stewards_at_two_replicas_find_the_same_erasure(records, register):
    again = register_of(records, [LIVE, HISTORY])
    one = register.request(bytes.fromhex(WHO))
    assert again.request(bytes.fromhex(WHO)) == one


def test_nothing_in_an_answer_tells_who_is_known(serving, register):
    serving.erasures.open(register)
    with grpc.insecure_channel(serving.address) as channel:
        stub = erasure_service_pb2_grpc.ErasureServiceStub(channel)
        answers = [
            stub.RequestErasure(
                erasure_service_pb2.RequestErasureRequest(listener_high=high, listener_low=2)
            ).erasure
            for high in (1, 3)
        ]
    for each in answers:
        each.ClearField("id")
        each.ClearField("requested_at")
    assert answers[0] == answers[1]


def test_what_is_no_pseudonym_is_refused(client):
    with pytest.raises(BadQuestion, match="32 hexadecimal digits"):
        client.request_erasure("somebody")
    with pytest.raises(BadQuestion, match="no pseudonym was given"):
        client.request_erasure("00" * 16)


def test_an_erasure_that_is_not_there_is_said_to_be_none(client):
    for ask in (
        client.erasure,
        client.erasure_certificate,
        lambda each: [*client.watch_erasure(each)],
    ):
        with pytest.raises(NotFound, match="no erasure begins with 'ffff'") as refused:
            ask("ffff")
        assert refused.value.reason == "ERASURE_NOT_FOUND"


def test_all_are_listed_page_by_page_the_newest_first(client, serving):
    asked = [client.request_erasure(f"{number:032x}").id for number in range(1, 8)]
    assert [each.id for each in client.erasures()] == asked[::-1]
    with grpc.insecure_channel(serving.address) as channel:
        stub = erasure_service_pb2_grpc.ErasureServiceStub(channel)
        pages, token = [], ""
        for _ in itertools.count():
            page = stub.ListErasures(
                erasure_service_pb2.ListErasuresRequest(page_size=3, page_token=token)
            )
            pages.append([each.id for each in page.erasures])
            token = page.next_page_token
            if not token:
                break
    assert [len(each) for each in pages] == [3, 3, 1]
    assert [each for page in pages for each in page] == asked[::-1]


def test_a_watcher_sees_each_step_and_the_end(client, serving, records, register):
    found = client.request_erasure(WHO)
    seen = []

    def watch():
        with Client(serving.address) as watcher:
            seen.extend(each.step for each in watcher.watch_erasure(found.id))

    watching = threading.Thread(target=watch)
    watching.start()
    steps = {"requested": None, "denied": DENIED, "rebuilt": REBUILT, "gone": GONE}
    for name, step in steps.items():
        if step is not None:
            carry(records, found.id, step)
            register.follow()
            serving.call(serving.erasures.notify)
        for _ in range(500):
            if name in seen or not watching.is_alive():
                break
            threading.Event().wait(0.01)
    watching.join(5)
    assert seen == list(steps)
    with pytest.raises(Unavailable) as late:
        [*client.watch_erasure(client.request_erasure(OTHER).id, timeout=0.2)]
    assert late.value.reason == "DEADLINE_EXCEEDED"


def test_a_certificate_is_of_how_it_stands_until_it_is_complete(client, records):
    found = client.request_erasure(WHO)
    first = client.erasure_certificate(found.id)
    assert not first.complete
    carry(records, found.id)
    client.request_erasure(OTHER)  # so that the replica reads on
    last = client.erasure_certificate(found.id)
    assert last.complete
    signed = from_json(last.json)
    assert KEY.verifying.is_signed(signed.statement, signed.signature)
    assert Statement.from_bytes(signed.statement).listener == WHO
    assert client.erasure_certificate(found.id) == last
    assert client.erasure(found.id).certified
    issued = [value for key, value in records if key.startswith(b"certificate/")]
    assert len(issued) == 2  # the last one takes the place of the first, by its key


def test_without_a_key_it_says_what_to_do_but_shows_what_was_issued(serving, records, register):
    serving.erasures.open(register_of(records, [LIVE, HISTORY]))
    with Client(serving.address) as client:
        found = client.request_erasure(WHO)
        carry(records, found.id)
        with pytest.raises(NoSigningKey, match="--erasure-key-file") as refused:
            client.erasure_certificate(found.id)
        assert refused.value.reason == "NO_SIGNING_KEY"
        register.follow()
        issued, complete = register.certificate(found.id)
        assert complete
        client.request_erasure(OTHER)
        assert from_json(client.erasure_certificate(found.id).json) == issued


def test_before_it_is_ready_and_when_it_ends_it_says_so(serving):
    with Client(serving.address) as client:
        with pytest.raises(Unavailable, match="still reading the log"):
            client.request_erasure(WHO)
        serving.call(serving.erasures.end)
        with pytest.raises(Unavailable, match="is ending"):
            [*client.watch_erasure("ab")]


def test_the_async_client_asks_the_same(serving, register, records):
    serving.erasures.open(register)

    async def ask():
        async with AsyncClient(serving.address) as client:
            found = await client.request_erasure(WHO)
            carry(records, found.id)
            register.follow()
            steps = [each.step async for each in client.watch_erasure(found.id)]
            listed = [each.id async for each in client.erasures()]
            certificate = await client.erasure_certificate(found.id)
            return steps, listed == [found.id], certificate.complete, await client.erasure(found.id)

    steps, is_listed, complete, found = asyncio.run(ask())
    assert (steps, is_listed, complete, found.complete) == (["gone"], True, True, True)


def test_slices_that_an_erasure_rebuilt_are_known_after_a_restart(records, register):
    one = register.request(bytes.fromhex(WHO)).id
    rebuilt(records, one, LIVE, [30_000, 60_000])
    register.follow()
    assert register.touched("live") == {30_000, 60_000}
    assert register.touched("history") == set()
    assert register_of(records, [LIVE]).touched("live") == {30_000, 60_000}
    assert MemoryErasures(records).book.touched == {"live": {30_000, 60_000}}


def test_the_clients_steps_are_those_of_the_book():
    assert tuple(map(step_name, (NOTHING, DENIED, REBUILT, TOMBSTONED, GONE))) == STEPS


def test_a_name_that_is_taken_back_goes_from_memory_and_from_kept_answers():
    names = TrackNames()

    def tell(low, title, artist):
        told = data_set_pb2.TrackName(track_high=1, track_low=low, title=title, artist=artist)
        names.apply(key_of(low), told.SerializeToString())

    def key_of(low):
        return (1).to_bytes(8, "big") + low.to_bytes(8, "big")

    tell(5, "One", "Shared")
    tell(6, "Two", "Shared")
    tell(7, "Three", "Alone")
    before = names.version
    names.apply(key_of(6), None)
    names.apply(key_of(7), None)
    names.apply(key_of(8), None)  # of a track that was never told
    assert names.version == before + 2
    assert [names.get(low) is None for low in (5, 6, 7)] == [False, True, True]
    assert names.artist_name(artist_key("Shared")) == "Shared"
    assert names.artist_name(artist_key("Alone")) is None
    tell(7, "Three", "Alone")  # it was asked for in vain meanwhile
    assert names.version == before + 3
