"""MurmurHash3_x64_128 with a fixed seed, over whole batches at once.

The figures equal `mmh3.hash64(item, seed, signed=False)` on every platform, so anybody can check
them and no process hashes differently from another.
"""

import mmh3
import numpy as np
from numpy.typing import NDArray

from sottovoce.sketches.items import Items, ItemsLike

type Words = NDArray[np.uint64]

SEED = 0
"""The seed of every hash that the system keeps; it is part of the formats."""

_C1 = np.uint64(0x87C37B91114253D5)
_C2 = np.uint64(0x4CF5AD432745937F)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_CHUNK = 1 << 14
"""Rows at a time: the intermediate arrays stay in the processor's cache."""
_SMALL_GROUP = 16
"""Below this many items of one length a call per item is cheaper than a vectorised pass."""


def _rotate(words: Words, by: int) -> Words:
    return (words << np.uint64(by)) | (words >> np.uint64(64 - by))


def _scramble_1(words: Words) -> Words:
    return _rotate(words * _C1, 31) * _C2


def _scramble_2(words: Words) -> Words:
    return _rotate(words * _C2, 33) * _C1


def _finish(words: Words) -> Words:
    words ^= words >> np.uint64(33)
    words *= _MIX_1
    words ^= words >> np.uint64(33)
    words *= _MIX_2
    words ^= words >> np.uint64(33)
    return words


def _hash_words(columns: list[Words], length: int, seed: int) -> tuple[Words, Words]:
    """Hashes rows given as their little-endian words, the last ones padded with zeros."""
    count = len(columns[0])
    if count <= _CHUNK:
        return _hash_chunk(columns, length, seed)
    first, second = np.empty(count, dtype=np.uint64), np.empty(count, dtype=np.uint64)
    for begin in range(0, count, _CHUNK):
        part = slice(begin, begin + _CHUNK)
        first[part], second[part] = _hash_chunk([column[part] for column in columns], length, seed)
    return first, second


def _hash_chunk(columns: list[Words], length: int, seed: int) -> tuple[Words, Words]:
    first = np.full(len(columns[0]), seed, dtype=np.uint64)
    second = first.copy()
    blocks = length // 16
    for block in range(blocks):
        first ^= _scramble_1(columns[2 * block])
        first = (_rotate(first, 27) + second) * np.uint64(5) + np.uint64(0x52DCE729)
        second ^= _scramble_2(columns[2 * block + 1])
        second = (_rotate(second, 31) + first) * np.uint64(5) + np.uint64(0x38495AB5)
    for place, column in enumerate(columns[2 * blocks :]):
        if place == 0:
            first ^= _scramble_1(column)
        else:
            second ^= _scramble_2(column)
    first ^= np.uint64(length)
    second ^= np.uint64(length)
    first += second
    second += first
    first = _finish(first)
    second = _finish(second)
    first += second
    second += first
    return first, second


def hash_rows(rows: NDArray[np.uint8], seed: int = SEED) -> tuple[Words, Words]:
    """The two 64-bit halves of the hash of each row of an (n, width) matrix of bytes."""
    count, width = rows.shape
    words = max(1, -(-width // 8))
    if width % 8 or not rows.flags.c_contiguous or width == 0:
        padded = np.zeros((count, words * 8), dtype=np.uint8)
        padded[:, :width] = rows
    else:
        padded = rows
    table = padded.view("<u8").astype(np.uint64, copy=False)
    return _hash_words([table[:, word] for word in range(words)], width, seed)


def hash_keys(high: Words, low: Words, seed: int = SEED) -> tuple[Words, Words]:
    """The hash of 128-bit keys, each as the 16 bytes of its number, most significant first.

    Equal to hashing `key.to_bytes(16, "big")` with key = high << 64 | low.
    """
    columns = [
        np.ascontiguousarray(half, dtype=np.uint64).astype(">u8").view("<u8").astype(np.uint64)
        for half in (high, low)
    ]
    return _hash_words(columns, 16, seed)


def hash_items(items: ItemsLike | Items, seed: int = SEED) -> tuple[Words, Words]:
    """The two 64-bit halves of the hash of each item, of any accepted form."""
    read = items if isinstance(items, Items) else Items.read(items)
    count = len(read)
    if read.width is not None:
        return hash_rows(read.data.reshape(count, read.width), seed)
    first = np.empty(count, dtype=np.uint64)
    second = np.empty(count, dtype=np.uint64)
    order = np.argsort(read.lengths, kind="stable")
    lengths, begins = np.unique(read.lengths[order], return_index=True)
    for length, members in zip(lengths.tolist(), np.split(order, begins[1:]), strict=False):
        if len(members) < _SMALL_GROUP:
            for index in members.tolist():
                first[index], second[index] = mmh3.hash64(read[index], seed, signed=False)
        else:
            places = read.starts[members][:, None] + np.arange(length)
            first[members], second[members] = hash_rows(read.data[places], seed)
    return first, second
