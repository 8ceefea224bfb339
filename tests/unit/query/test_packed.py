"""Columns come back as they were packed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sottovoce_query.packed import PackedCounts, PackedKeys

KEYS = st.sets(st.one_of(st.integers(0, 20), st.integers(0, 2**64 - 1)), max_size=30)


def ascending(keys):
    return np.array(sorted(keys), np.uint64)


@given(KEYS, KEYS)
def test_keys_are_those_of_the_shared_list_and_others(keys, shared):
    packed = PackedKeys(ascending(keys), ascending(shared))
    assert packed.unpack().tolist() == sorted(keys)
    assert len(packed) == len(keys)


def test_shared_keys_take_a_bit_each():
    shared = np.sort(np.random.default_rng(1).integers(0, 2**63, 30_000).astype(np.uint64))
    assert PackedKeys(shared[::2], shared).nbytes == 30_000 // 8


@given(st.lists(st.one_of(st.integers(0, 5), st.integers(0, 2**40)), max_size=40))
def test_counts_are_exact(counts):
    assert PackedCounts(np.array(counts, np.int64)).unpack().tolist() == counts
