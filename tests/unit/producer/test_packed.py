"""Packed tables against Python's own."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce_producer.packed import ABSENT, PackedCounts, PackedKeys

key = st.tuples(st.integers(1, 2**64 - 1), st.integers(0, 2**64 - 1)) | st.tuples(
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
