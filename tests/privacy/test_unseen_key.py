"""A track that nobody played and one that somebody did: alike in answer, charge and work."""

import sys

import numpy as np
import pytest
from tests.memory_log import SharedLog
from tests.privacy.made_up_gate import START, World, draw_heard

from sottovoce.catalogue import int_to_spotify_id
from sottovoce.ledger.codec import decode_record
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.rpc.check_played import check_played

RARE, UNSEEN, POPULAR = 38, 39, 0


@pytest.fixture(scope="module")
def world():
    random = np.random.default_rng(4)
    heard = draw_heard(random, 300, 5_000, 30, exponent=2.0)
    heard.songs[7] = RARE
    assert np.count_nonzero(heard.songs == RARE) == 1
    return World([heard])


def request(world, *rows):
    return query_pb2.CheckPlayedRequest(
        data_set="live",
        range=world.range().to_message(),
        tracks=[query_pb2.TrackRef(spotify_id=world.catalogue.track_id(row)) for row in rows],
    )


def played(world, sources, *rows):
    return [each.played for each in check_played(request(world, *rows), sources).tracks]


def test_answers_are_those_of_noise_for_both_and_of_the_crowd_for_what_it_played(world):
    found = []
    for _ in range(20):
        replica = world.replica(SharedLog(opened_at_ms=START), privacy_live_shares={"tracks": 0.12})
        sources = replica.release_all().sources()
        found.append(played(world, sources, POPULAR, RARE, UNSEEN))
    popular, rare, unseen = np.sum(found, axis=0)
    assert popular == len(found)
    assert rare <= 2  # a one in 10,000 each, so by chance once in a hundred million
    assert unseen <= 2


@pytest.mark.parametrize("row", [RARE, UNSEEN])
def test_both_find_the_same_charges_whoever_asks_first(world, row):
    shared = SharedLog(opened_at_ms=START)
    sources = world.replica(shared).release_all().sources()
    before = list(shared.records)
    played(world, sources, row)
    assert shared.records == before
    assert all(decode_record(value) for topic, _, value in before if topic == "charges")


def steps_of(call):
    """How many calls of functions a call makes: its time, without a clock's noise."""
    steps = 0

    def count(_, event, __):
        nonlocal steps
        steps += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(None)
    return steps


def test_both_take_the_same_work(world):
    sources = world.replica().release_all().sources()
    played(world, sources, POPULAR, RARE, UNSEEN)  # what is worked out once is worked out
    work = {row: steps_of(lambda row=row: played(world, sources, row)) for row in (RARE, UNSEEN)}
    assert work[RARE] == work[UNSEEN]


def test_a_look_into_the_cells_first_is_caught(world, monkeypatch):
    """The defence removed: who was never played is told so without looking at what was released."""
    sources = world.replica().release_all().sources()
    gate, merged = sources.by_name["live"].gate, world.cells.slice(START)
    keys_of = sources.book.keys_of
    released = gate.played

    def look_first(asked):
        wanted = looked[-1]
        return released(asked) if np.isin(wanted, merged.tracks.keys).any() else released(
            asked
        ).above(10**9)  # fmt: skip

    looked = []
    monkeypatch.setattr(
        sources.book, "keys_of", lambda *a: looked.append(keys_of(*a)) or looked[-1]
    )
    monkeypatch.setattr(gate, "played", look_first)
    played(world, sources, RARE, UNSEEN)
    work = {row: steps_of(lambda row=row: played(world, sources, row)) for row in (RARE, UNSEEN)}
    assert work[RARE] != work[UNSEEN]


def test_keys_outside_the_catalogue_come_out_no_more_often_than_their_delta(world):
    """One listener's play of a track that no catalogue has: nothing tells it from none."""
    stranger = query_pb2.TrackRef(spotify_id=int_to_spotify_id(12345, 67890))
    asked = request(world)
    asked.tracks.append(stranger)
    sources = world.replica().release_all().sources()
    assert [each.played for each in check_played(asked, sources).tracks] == [False]
