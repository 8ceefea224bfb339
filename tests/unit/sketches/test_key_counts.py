import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.sketches import InvalidParameter, KeyCounts, SketchError

ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 59, 70_000, 2**32 - 1]),
        st.sampled_from([0, 1, 2**40, 2**64 - 1]),
        st.integers(0, 2**40),
    ),
    max_size=30,
)


def of_rows(rows, width=1):
    groups, keys, counts = zip(*rows, strict=True) if rows else ((), (), ())
    sketch = KeyCounts(width)
    sketch.add(
        np.array(groups, np.int64), np.array(keys, np.uint64), np.array(counts, np.int64)[:, None]
    )
    return sketch


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_counts_are_those_of_a_dictionary(rows):
    truth = Counter()
    for group, key, count in rows:
        truth[group, key] += count
    wanted = {row: count for row, count in truth.items() if count}
    sketch = of_rows(rows)
    columns = zip(sketch.groups.tolist(), sketch.keys.tolist(), strict=True)
    assert dict(zip(columns, sketch.counts[:, 0].tolist(), strict=True)) == wanted
    assert list(wanted) != [] or len(sketch) == 0
    assert sketch.total() == sum(wanted.values())
    assert KeyCounts.from_bytes(sketch.to_bytes()) == sketch
    keys, by_key = sketch.by_key()
    assert dict(zip(keys.tolist(), by_key[:, 0].tolist(), strict=True)) == {
        key: sum(count for (_, one), count in wanted.items() if one == key)
        for key in {key for _, key in wanted}
    }
    groups, by_group = sketch.by_group()
    assert dict(zip(groups.tolist(), by_group[:, 0].tolist(), strict=True)) == {
        group: sum(count for (one, _), count in wanted.items() if one == group)
        for group in {group for group, _ in wanted}
    }
    assert set(sketch.select(1, 2**32 - 1).groups.tolist()) <= {1, 2**32 - 1}
    assert sketch.select(59).total() == sum(c for (g, _), c in wanted.items() if g == 59)


def busy(width=2, rows=5_000):
    rng = np.random.default_rng(8)
    sketch = KeyCounts(width)
    tracks = rng.integers(0, 2**64, 900, dtype=np.uint64)
    sketch.add(
        rng.integers(0, 60, rows), rng.choice(tracks, rows), rng.integers(1, 9, (rows, width))
    )
    return sketch


@pytest.mark.parametrize("limit", [400, 2_000, 10_000, 10**6])
def test_split_parts_fit_and_give_the_whole_back(limit):
    whole = busy()
    parts = whole.split(limit)
    assert all(len(part.to_bytes()) <= limit for part in parts)
    again = KeyCounts(2)
    for part in reversed(parts):
        again.merge(part)
    assert again == whole
    for before, after in itertools.pairwise(parts):
        assert before.keys.max() < after.keys.min()
    assert len(parts) <= 3 + 2 * len(whole.to_bytes()) // limit


def test_split_of_one_key_that_is_too_large_says_so():
    sketch = KeyCounts()
    sketch.add(np.arange(100), np.full(100, 7, np.uint64), np.arange(100) ** 3 + 1)
    with pytest.raises(SketchError, match="one key alone"):
        sketch.split(40)


def test_a_cell_of_an_hour_takes_less_than_its_design_says():
    rng = np.random.default_rng(9)
    listens, tracks = 45_000, rng.integers(0, 2**64, 30_000, dtype=np.uint64)
    chance = 1 / np.arange(1, 30_001)
    played = rng.choice(tracks, listens, p=chance / chance.sum())
    sketch = KeyCounts()
    sketch.add(rng.integers(0, 60, listens), played, 1)
    assert sketch.total() == listens
    assert len(sketch.to_bytes()) <= 2.6 * listens


def test_columns_are_apart_and_broadcast():
    sketch = KeyCounts(2)
    sketch.add(3, np.array([5, 5, 6], np.uint64), np.array([[1, 1], [1, 0], [2, 0]]))
    assert sketch.counts.tolist() == [[2, 1], [2, 0]]
    assert (sketch.total(0), sketch.total(1), len(sketch)) == (4, 1, 2)
    sketch.update(["item"])
    assert (sketch.count("item"), sketch.count("item", 1), sketch.count(b"other")) == (1, 0, 0)
    assert sketch.estimate().value == 3.0


@pytest.mark.parametrize(
    ("groups", "keys", "counts"),
    [
        ([-1], [1], [1]),
        ([2**32], [1], [1]),
        ([0], [1], [-1]),
        ([0, 0], [1], [1]),
        ([0], [1], [[1, 2]]),
        ([0], [1], [1.5]),
        ([0], [1.5], [1]),
        ([0.5], [1], [1]),
        ([0], [-1], [1]),
        ([0], ["a"], [1]),
        ([0], [1], [2**63]),
    ],
)
def test_rows_that_fit_no_table_are_refused(groups, keys, counts):
    sketch = KeyCounts()
    with pytest.raises(InvalidParameter):
        sketch.add(np.array(groups), np.array(keys), np.array(counts))
    assert len(sketch) == 0


def test_a_sum_beyond_63_bits_is_an_error_not_a_number():
    sketch = KeyCounts()
    for _ in range(2):
        sketch.add(0, np.array([1], np.uint64), 2**62)
    with pytest.raises(SketchError, match="2\\^63"):
        sketch.total()


def test_what_was_split_off_shares_no_memory_with_what_goes_on():
    whole = busy()
    before = whole.payload()
    part = whole.select(3)
    part.add(3, part.keys[:1], np.array([[1, 1]]))
    assert len(part) > 0
    assert whole.payload() == before


def test_threads_that_read_at_one_time_count_nothing_twice():
    for seed in range(20):
        sketch, wanted = KeyCounts(), 0
        for part in range(4):
            keys = np.random.default_rng(seed * 4 + part).integers(0, 5_000, 20_000, np.uint64)
            sketch.add(0, keys, 1)
            wanted += len(keys)
        with ThreadPoolExecutor(4) as pool:
            totals = list(pool.map(lambda _: sketch.total(), range(8)))  # noqa: B023
        assert totals == [wanted] * 8
