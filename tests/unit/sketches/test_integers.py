import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.sketches.integers import decode_bits, decode_integers, encode_bits, encode_integers


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 64).flatmap(
        lambda bits: st.lists(st.integers(0, max(0, 2**bits - 1)), max_size=70)
    )
)
def test_any_integers_come_back(values):
    coded = encode_integers(np.array(values, dtype=np.uint64))
    again, end = decode_integers(b"before" + coded + b"after", 6)
    assert again.tolist() == values
    assert end == 6 + len(coded)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.booleans(), max_size=200))
def test_any_bits_come_back(bits):
    coded = encode_bits(np.array(bits, dtype=np.bool_))
    again, end = decode_bits(coded, 0)
    assert again.tolist() == bits
    assert end == len(coded)


@pytest.mark.parametrize("density", [0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_bits_take_little_more_than_their_entropy(density):
    bits = np.random.default_rng(4).random(200_000) < density
    entropy = -(density * np.log2(density) + (1 - density) * np.log2(1 - density)) * len(bits) / 8
    assert len(encode_bits(bits)) <= 1.07 * entropy + 16


def test_gaps_between_random_keys_take_little_more_than_their_entropy():
    keys = np.sort(np.random.default_rng(4).integers(0, 2**64, 10_000, dtype=np.uint64))
    bits = 64 - np.log2(10_000) + np.log2(np.e)
    assert len(encode_integers(np.diff(keys))) <= 1.01 * 10_000 * bits / 8
