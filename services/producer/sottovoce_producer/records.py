"""The producer's own records on `cursors`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.resting import Rest

SOURCE_PREFIX: Final = b"source/"
RESTING_PREFIX: Final = b"resting/"
_SLICES_KEY: Final = re.compile(rb"slices/([^/]+)/(\d{4}-\d\d-\d\d)/(.{16})", re.DOTALL)


def slices_key(data_set: str, day: int, high: int, low: int) -> bytes:
    """Return the key of a listener's slices of a day, given as days since 1970."""
    date = datetime.fromtimestamp(day * DAY_MS / 1000, UTC).date().isoformat()
    return f"slices/{data_set}/{date}/".encode() + high.to_bytes(8, "big") + low.to_bytes(8, "big")


def read_slices_key(key: bytes) -> tuple[str, int, int, int] | None:
    """Return data set, day, and the pseudonym's halves; None for another key."""
    found = _SLICES_KEY.fullmatch(key)
    if found is None:
        return None
    date = datetime.fromisoformat(found[2].decode()).replace(tzinfo=UTC)
    day = int(date.timestamp() * 1000) // DAY_MS
    pseudonym = found[3]
    return (
        found[1].decode(),
        day,
        int.from_bytes(pseudonym[:8], "big"),
        int.from_bytes(pseudonym[8:], "big"),
    )


def slices_value(slices: Sequence[int]) -> bytes:
    """Return the record of a listener's slices of a day."""
    return producer_pb2.ListenerSlices(slice_ms=sorted(slices)).SerializeToString()


def resting_key(record_key: bytes) -> bytes:
    """Return the key of an account's rest, from that of its record in the vault."""
    return RESTING_PREFIX + record_key


def resting_value(rest: Rest) -> bytes:
    """Return the record of an account's rest."""
    return producer_pb2.RestingAccount(until_ms=rest.until_ms, trace=rest.trace).SerializeToString()


def read_rest(value: bytes) -> Rest:
    """Read the record of an account's rest."""
    resting = producer_pb2.RestingAccount.FromString(value)
    return Rest(resting.until_ms, resting.trace)


def cursor_value(source: str, cursor: bytes, now_ms: int) -> bytes:
    """Return the record that says where a source stands."""
    return producer_pb2.SourceCursor(
        source=source, cursor=cursor, updated_at_ms=now_ms
    ).SerializeToString()
