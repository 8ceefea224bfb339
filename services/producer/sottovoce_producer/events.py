"""The ids of events."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from sottovoce.sketches.hashing import hash_rows
from sottovoce.wire.listens import Listens

EVENT_SEED: Final = 0xE5E7

_EVENT: Final = np.dtype(
    [
        ("listener_high", ">u8"),
        ("listener_low", ">u8"),
        ("track_high", ">u8"),
        ("track_low", ">u8"),
        ("end_time_ms", ">u8"),
        ("ms_played", ">u4"),
    ]
)


def event_ids(listens: Listens) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return the high and low halves of each listen's event id.

    The id is the MurmurHash3_x64_128 (seed `EVENT_SEED`) of listener, track, end and milliseconds
    played, 44 big-endian bytes: the same play told twice is the same event.
    """
    events = np.empty(len(listens), _EVENT)
    for name in _EVENT.names or ():
        events[name] = listens[name]
    rows = events.view(np.uint8).reshape(len(listens), _EVENT.itemsize)
    low, high = hash_rows(rows, EVENT_SEED)
    return high, low
