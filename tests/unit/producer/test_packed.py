"""Packed tables against Python's own."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce_producer.packed import ABSENT, PackedCounts, PackedKeys

key = st.tuples(st.integers(1, 2**64 - 2), st.integers(0, 2**64 - 1)) | st.tuples(
    st.integers(1, 4), st.integers(0, 4)
)


def columns(keys):
    pairs = np.array(list(keys), np.uint64).reshape(-1, 2)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


@given(st.lists(st.sets(key, max_size=50), max_size=6), st.sets(key, max_size=50))
@settings(max_examples=100, deadline=None)
def test_holds_exactly_what_was_added(added, asked):
    packed, model = PackedKeys(), set()
    for keys in added:
        new = keys - model
        packed.add(*columns(new))
        model |= new
    assert len(packed) == len(model)
    assert packed.contains(*columns(asked)).tolist() == [each in model for each in asked]
    assert packed.contains(*columns(model)).all()


def test_grows_and_drops_without_losing_a_key():
    packed, rng = PackedKeys(), np.random.default_rng(1)
    first = np.repeat(np.arange(1, 21, dtype=np.uint64), 5_000)
    second = rng.permutation(100_000).astype(np.uint64)
    for part in np.array_split(np.arange(100_000), 30):
        packed.add(first[part], second[part])
    packed.drop_before(11)
    kept = first >= 11
    assert packed.contains(first, second).tolist() == kept.tolist()
    assert len(packed) == 50_000


steps = st.lists(st.tuples(st.sets(key, max_size=40), st.integers(0, 7)), max_size=6)


@given(steps, st.integers(0, 4))
@settings(max_examples=100, deadline=None)
def test_dropped_keys_are_gone_and_those_behind_them_are_found(given_steps, least):
    packed, model = PackedKeys(), set()
    for keys, bits in given_steps:
        packed.add(*columns(keys - model))
        packed.drop_masked(7, bits)
        model = {each for each in model | keys if each[0] & 7 != bits}
        assert len(packed) == len(model)
        assert packed.contains(*columns(keys)).tolist() == [each in model for each in keys]
        assert packed.contains(*columns(model)).all()
    packed.drop_before(least)
    assert packed.contains(*columns(model)).sum() == sum(each[0] >= least for each in model)


def test_what_is_dropped_again_and_again_leaves_room_for_more():
    packed, second = PackedKeys(), np.arange(700, dtype=np.uint64)
    for turn in range(1, 100):
        packed.add(np.full(700, turn, np.uint64), second)
        packed.drop_masked(2**64 - 1, turn)
    assert len(packed) == 0
    assert packed.nbytes == PackedKeys().nbytes


def test_places_are_distinct():
    packed = PackedKeys()
    second = np.arange(5_000, dtype=np.uint64)
    packed.add(np.ones(5_000, np.uint64), second)
    places = packed.places(np.ones(5_000, np.uint64), second)
    assert ABSENT not in places
    assert len(np.unique(places)) == 5_000


@given(st.lists(st.dictionaries(st.integers(1, 50), st.integers(1, 9), max_size=20), max_size=8))
@settings(max_examples=50, deadline=None)
def test_counts_add_up(increases):
    counts, model = PackedCounts(), {}
    for each in increases:
        counts.increase(np.array(list(each), np.uint64), np.array(list(each.values()), np.int64))
        for name, by in each.items():
            model[name] = model.get(name, 0) + by
    asked = np.arange(1, 60, dtype=np.uint64)
    assert counts.get(asked).tolist() == [model.get(name, 0) for name in asked.tolist()]
    counts.drop_before(25)
    assert counts.get(asked).tolist() == [
        model.get(name, 0) if name >= 25 else 0 for name in asked.tolist()
    ]
