"""Listens as bytes and as one numpy structured array.

Every `Listen` has the same 83 bytes: the same tags at the same places. So a buffer of many is
viewed as a structured array, and the tags are checked in bulk.
"""

from __future__ import annotations

from typing import Final

import mmh3
import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from sottovoce.errors import SottovoceError
from sottovoce.wire.v1 import listen_pb2

# Field name, tag byte, little-endian type: in the order of the field numbers.
_FIELDS: Final = (
    ("listener_high", 0x09, "<u8"),
    ("listener_low", 0x11, "<u8"),
    ("track_high", 0x19, "<u8"),
    ("track_low", 0x21, "<u8"),
    ("event_high", 0x29, "<u8"),
    ("event_low", 0x31, "<u8"),
    ("end_time_ms", 0x39, "<u8"),
    ("ms_played", 0x45, "<u4"),
    ("country", 0x4D, "<u4"),
    ("flags", 0x55, "<u4"),
    ("ordinal", 0x5D, "<u4"),
)

LISTEN_DTYPE: Final = np.dtype(
    [part for name, _, kind in _FIELDS for part in ((f"{name}_tag", "u1"), (name, kind))]
)
"""The layout of one `Listen`: each field behind its tag byte, packed."""

LISTEN_BYTES: Final = LISTEN_DTYPE.itemsize
LISTEN_KEY_BYTES: Final = 32

_TAGS: Final = tuple((f"{name}_tag", tag) for name, tag, _ in _FIELDS)

MS_PLAYED_KNOWN: Final = listen_pb2.LISTEN_FLAG_MS_PLAYED_KNOWN
COUNTRY_KNOWN: Final = listen_pb2.LISTEN_FLAG_COUNTRY_KNOWN
FIRST_OF_TRACK: Final = listen_pb2.LISTEN_FLAG_FIRST_OF_TRACK
FIRST_OF_ARTIST: Final = listen_pb2.LISTEN_FLAG_FIRST_OF_ARTIST
SKIPPED_KNOWN: Final = listen_pb2.LISTEN_FLAG_SKIPPED_KNOWN
SKIPPED: Final = listen_pb2.LISTEN_FLAG_SKIPPED
SHUFFLE_KNOWN: Final = listen_pb2.LISTEN_FLAG_SHUFFLE_KNOWN
SHUFFLE: Final = listen_pb2.LISTEN_FLAG_SHUFFLE
OFFLINE: Final = listen_pb2.LISTEN_FLAG_OFFLINE

Listens = npt.NDArray[np.void]
"""A structured array of `LISTEN_DTYPE`."""


class ListenError(SottovoceError):
    """Bytes that are no listen; the message says why."""


def new_listens(size: int) -> Listens:
    """Return `size` listens, tags written, values 0."""
    listens = np.zeros(size, LISTEN_DTYPE)
    for field, tag in _TAGS:
        listens[field] = tag
    return listens


def well_formed(listens: Listens) -> npt.NDArray[np.bool_]:
    """Return for each row whether all its tags stand where a `Listen` has them."""
    fine = np.ones(len(listens), bool)
    for field, tag in _TAGS:
        fine &= listens[field] == tag
    return fine


def view_listens(buffer: bytes | bytearray | memoryview) -> Listens:
    """View bytes whose length is a multiple of 83 as listens, without a copy or a check."""
    return np.frombuffer(buffer, LISTEN_DTYPE)


def decode_listen(value: bytes) -> Listens:
    """Decode one message of any shape: the slow path, for schemas newer than this one.

    Returns:
        One row.

    Raises:
        ListenError: no protobuf message, or a field of `Listen` is absent.
    """
    try:
        message = listen_pb2.Listen.FromString(value)
    except DecodeError as error:
        raise ListenError(f"{len(value)} bytes that are no protobuf message") from error
    listens = new_listens(1)
    for name, _, _ in _FIELDS:
        if not message.HasField(name):  # type: ignore[arg-type]
            raise ListenError(f"a message of {len(value)} bytes without the field {name}")
        listens[name] = getattr(message, name)
    return listens


def pack_keys(high: npt.ArrayLike, low: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return 128-bit numbers as 16 big-endian bytes each, shape (n, 16)."""
    return _big_endian(np.asarray(high, np.uint64), np.asarray(low, np.uint64))


def _big_endian(*columns: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    # np.stack gives native byte order whatever it is given: the order is set after it.
    rows = np.stack(columns, axis=-1).astype(">u8")
    return rows.view(np.uint8).reshape(len(rows), 8 * len(columns))


def listen_keys(listens: Listens) -> list[bytes]:
    """Return each listen's record key: listener and event, 16 big-endian bytes each."""
    columns = ("listener_high", "listener_low", "event_high", "event_low")
    packed = _big_endian(*(listens[name] for name in columns)).tobytes()
    step = LISTEN_KEY_BYTES
    return [packed[at : at + step] for at in range(0, len(packed), step)]


def shard_of(pseudonym: bytes, shards: int) -> int:
    """Return the shard of a pseudonym (16 big-endian bytes)."""
    return mmh3.hash(pseudonym, 0, signed=False) % shards


def country_code(country: str) -> int:
    """Return an ISO 3166-1 alpha-2 code as a number; 0 for the empty string.

    Raises:
        ListenError: neither empty nor two ASCII letters.
    """
    if not country:
        return 0
    if len(country) != 2 or not (country.isascii() and country.isalpha()):
        raise ListenError(f"country {country!r} is not two letters of ISO 3166-1")
    upper = country.upper().encode()
    return upper[0] << 8 | upper[1]


def country_name(code: int) -> str:
    """Return the two letters of a country code, "unknown" for 0."""
    return bytes([code >> 8 & 0xFF, code & 0xFF]).decode("ascii", "replace") if code else "unknown"
