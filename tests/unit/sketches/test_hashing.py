import mmh3
import numpy as np
import pytest

from sottovoce.sketches import hash_items, hash_keys
from sottovoce.sketches.hashing import hash_rows


@pytest.mark.parametrize("width", range(40))
@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_rows_of_any_width_hash_as_mmh3_does(width, seed):
    rows = np.random.default_rng(width).integers(0, 256, (30, width), dtype=np.uint8)
    first, second = hash_rows(rows, seed)
    wanted = [mmh3.hash64(row.tobytes(), seed, signed=False) for row in rows]
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == wanted


def test_strings_of_rare_and_common_lengths_hash_as_mmh3_does():
    texts = ["é" * (i % 11) + str(i) for i in range(600)] + ["long " * 100]
    first, second = hash_items(texts)
    wanted = [mmh3.hash64(text, 0, signed=False) for text in texts]
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == wanted


def test_keys_hash_as_their_sixteen_bytes_most_significant_first():
    high, low = np.random.default_rng(1).integers(0, 2**64, (2, 40_000), dtype=np.uint64)
    first, second = hash_keys(high, low)
    for i in range(0, 40_000, 97):
        key = (int(high[i]) << 64 | int(low[i])).to_bytes(16, "big")
        assert (int(first[i]), int(second[i])) == mmh3.hash64(key, 0, signed=False)


def test_no_items_hash_to_nothing():
    assert [len(half) for half in hash_items([])] == [0, 0]
