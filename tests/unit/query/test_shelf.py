"""What the shelf gives back is what was released, however it is kept."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.ledger import Body, LedgerError, RealRow
from sottovoce.privacy import ChargeRecord, ReleaseKey
from sottovoce_query.releases.plans import LIVE_SHARES, plan_of
from sottovoce_query.releases.shelf import ROWS, Shelf

NOISE = plan_of(1.0, 1e-9, LIVE_SHARES).noise("tracks", 20)
HOUR = 3_600_000

SIGNED = st.one_of(st.integers(-300, 300), st.integers(-(2**62), 2**62))
VALUES = st.lists(SIGNED, max_size=40).map(lambda values: np.array(values, np.int64))


@st.composite
def bodies(draw):
    """Bodies of every kind: short, long, thinned, with keys beyond the domain."""
    body = Body(draw(st.sampled_from(["genres", "one", "tracks", "artists"])),
                draw(st.sampled_from(["", "v1", "v2"])), draw(VALUES))  # fmt: skip
    if draw(st.booleans()):
        body = body.thinned(draw(st.integers(-300, 300)))
    if draw(st.booleans()):
        keys = np.array(sorted(draw(st.sets(st.integers(0, 2**64 - 1), max_size=5))), np.uint64)
        body = dataclasses.replace(
            body, other_keys=keys, other_values=np.arange(len(keys)) + 7, other_threshold=7
        )
    return body


def name_of(number):
    return number.to_bytes(16, "big")


def put(shelf, key, number, body):
    noise = None if key.statistic == ROWS else NOISE
    record = ChargeRecord(b"l", key, NOISE.charge, noise=noise, body=name_of(number))
    shelf.put(record, body.to_bytes())


def same(one, other):
    return one.to_bytes() == other.to_bytes()


@given(st.lists(bodies(), min_size=1, max_size=8))
def test_every_draw_of_a_series_comes_back_as_it_was_released(released):
    shelf = Shelf()
    series = ReleaseKey("live", (0,), "tracks", "panes=5")
    for number, body in enumerate(released):
        put(shelf, dataclasses.replace(series, draw=number), number, body)
    for number, body in enumerate(released):
        found = shelf.get(dataclasses.replace(series, draw=number))
        assert same(found.body, body)
        assert (found.name, found.noise) == (name_of(number), NOISE)
    assert shelf.get(series) is None
    assert shelf.get(dataclasses.replace(series, draw=len(released))) is None
    assert len(shelf) == len(released)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 255, 256, 32_767, 32_768, 2**31, 2**40])
@pytest.mark.parametrize("sign", [1, -1])
def test_values_at_the_edge_of_a_type_are_kept(value, sign):
    shelf, key = Shelf(), ReleaseKey("live", (0,), "genres")
    put(shelf, key, 0, Body("genres", "", np.array([0, sign * value], np.int64)))
    assert shelf.get(key).body.values.tolist() == [0, sign * value]


def test_only_whole_vectors_that_are_old_enough_are_thinned_and_once():
    shelf, values = Shelf(), np.array([0, 10**9, -5], np.int64)
    for hour in range(3):
        for number, domain in enumerate(("tracks", "genres")):
            key = ReleaseKey("live", (hour * HOUR,), domain)
            put(shelf, key, 2 * hour + number, Body(domain, "v1", values))
    thinned = shelf.thin("live", 2 * HOUR, 2.0)
    assert sorted(thinned) == [name_of(0), name_of(2)]
    for old, new in thinned.values():
        assert old.values.tolist() == values.tolist()
        assert (new.places.tolist(), new.values.tolist()) == ([1], [10**9])
    for hour, kept in enumerate(([10**9], [10**9], values.tolist())):
        assert shelf.get(ReleaseKey("live", (hour * HOUR,), "tracks")).body.values.tolist() == kept
    assert shelf.get(ReleaseKey("live", (0,), "genres")).body.values.tolist() == values.tolist()
    assert shelf.revision == 2
    assert not shelf.thin("live", 2 * HOUR, 2.0)
    assert not shelf.thin("history", 9 * HOUR, 2.0)


def test_what_was_thinned_by_another_replica_is_not_thinned_again():
    shelf = Shelf()
    body = Body("tracks", "v1", np.array([0, 10**9], np.int64)).thinned(5)
    put(shelf, ReleaseKey("live", (0,), "tracks"), 1, body)
    assert not shelf.thin("live", HOUR, 2.0)
    assert shelf.revision == 0


def test_old_releases_go_and_those_over_several_slices_stay():
    shelf, values = Shelf(), np.array([3], np.int64)
    keys = [ReleaseKey("live", (hour * HOUR,), "tracks") for hour in range(3)]
    keys.append(ReleaseKey("live", (0, HOUR), "listeners", "scale=1.0"))
    for number, key in enumerate(keys):
        put(shelf, key, number, Body("tracks" if number < 3 else "one", "v1", values))
    shelf.drop_before("live", 2 * HOUR)
    assert [shelf.get(key) is not None for key in keys] == [False, False, True, True]
    assert not shelf.thin("live", 2 * HOUR, 2.0)
    assert list(shelf.sizes()) == [("live", "tracks", 1), ("live", "listeners", 1)]


def test_real_rows_are_found_and_withdrawn_by_the_name_of_their_body():
    shelf = Shelf()
    row = RealRow(7, "ambient", "IS", HOUR, (0.25, float("nan")))
    keys = [ReleaseKey("live", (hour * HOUR,), ROWS, "k=20") for hour in range(3)]
    for number, key in enumerate(keys):
        put(shelf, key, number, Body(ROWS, "v1", rows=(row,)))
    assert shelf.rows_put == 3
    assert shelf.slices_with_rows("live") == [0, HOUR, 2 * HOUR]
    assert shelf.names_of_rows("live", frozenset({HOUR})) == [name_of(1)]
    assert str(shelf.get(keys[1]).body.rows) == str((row,))  # a nan is not equal to itself
    shelf.withdraw(name_of(1))
    assert [shelf.get(key) is not None for key in keys] == [True, False, True]
    assert (shelf.slices_with_rows("live"), shelf.revision) == ([0, 2 * HOUR], 1)
    shelf.withdraw(name_of(9))
    assert shelf.revision == 1


def test_bytes_that_are_no_body_are_refused_when_they_come():
    shelf, key = Shelf(), ReleaseKey("live", (0,), "tracks")
    with pytest.raises(LedgerError, match="no body of a release"):
        shelf.put(ChargeRecord(b"l", key, NOISE.charge, noise=NOISE, body=bytes(16)), b"?")
    assert shelf.get(key) is None
