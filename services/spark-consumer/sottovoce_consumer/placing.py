"""The shards of many listeners at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

type Words = npt.NDArray[np.uint64]
type _Halves = npt.NDArray[np.uint32]

_C1, _C2 = np.uint32(0xCC9E2D51), np.uint32(0x1B873593)


def _rotate(words: _Halves, by: int) -> _Halves:
    return (words << np.uint32(by)) | (words >> np.uint32(32 - by))


def shards_of(high: Words, low: Words, shards: int) -> npt.NDArray[np.uint32]:
    """Return the shard of each pseudonym: MurmurHash3_x86_32 of its 16 bytes mod `shards`.

    The same as `sottovoce.wire.listens.shard_of`, which hashes one.
    """
    size = len(high)
    blocks = np.empty((size, 2), ">u8")
    blocks[:, 0], blocks[:, 1] = high, low
    words = blocks.view("<u4").reshape(size, 4)
    state = np.zeros(size, np.uint32)
    for column in range(4):
        word = words[:, column] * _C1
        state ^= _rotate(word, 15) * _C2
        state = _rotate(state, 13) * np.uint32(5) + np.uint32(0xE6546B64)
    state ^= np.uint32(16)
    state ^= state >> np.uint32(16)
    state *= np.uint32(0x85EBCA6B)
    state ^= state >> np.uint32(13)
    state *= np.uint32(0xC2B2AE35)
    state ^= state >> np.uint32(16)
    return state % np.uint32(shards)
