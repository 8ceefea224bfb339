"""Keys of records: how each topic names what it holds."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sottovoce.errors import SottovoceError

HEARTBEAT_KEY: Final = b"\0heartbeat"
SEAL_KEY: Final = b"\0seal"
RETIRED_KEY: Final = b"\0retired"


class KeyFormatError(SottovoceError):
    """A record's key is none that this version writes."""


def seal_key(through_ms: int) -> bytes:
    """Return the key of the seal through `through_ms` on `listens.history`."""
    return SEAL_KEY + struct.pack(">q", through_ms)


def retired_key(pseudonym: bytes) -> bytes:
    """Return the key of the record that says a pseudonym is retired."""
    return RETIRED_KEY + pseudonym


class CellKeyKind(StrEnum):
    """What a record of `cells.*` is."""

    BASE = "b"
    DELTA = "d"
    INDEX_BASE = "i"
    INDEX_DELTA = "j"
    PROGRESS = "p"


_CELL_KEY: Final = struct.Struct(">cqqI")


@dataclass(frozen=True, slots=True, order=True)
class CellKey:
    """The key of a record of `cells.*`.

    Attributes:
        kind: what the record is.
        at: start of the slice in milliseconds, or the number of the log's block.
        from_offset: first offset that a delta covers; 0 for a base.
        part: number of the part.
    """

    kind: CellKeyKind
    at: int = 0
    from_offset: int = 0
    part: int = 0

    def to_bytes(self) -> bytes:
        """Return the record's key."""
        if self.kind is CellKeyKind.PROGRESS:
            return b"p"
        return _CELL_KEY.pack(self.kind.encode(), self.at, self.from_offset, self.part)

    @classmethod
    def from_bytes(cls, key: bytes) -> CellKey:
        """Read a record's key.

        Raises:
            KeyFormatError: no key of this version.
        """
        if key == b"p":
            return cls(CellKeyKind.PROGRESS)
        try:
            kind, at, from_offset, part = _CELL_KEY.unpack(key)
            return cls(CellKeyKind(kind.decode("ascii")), at, from_offset, part)
        except (struct.error, ValueError) as error:
            raise KeyFormatError(f"{key!r} is not the key of a cell's record") from error


def data_set_key(name: str) -> bytes:
    """Return the key of a data set's constants on `catalogues`."""
    return f"data-set/{name}".encode()


def terms_key(name: str, from_ms: int) -> bytes:
    """Return the key of a data set's terms on `catalogues`."""
    return f"terms/{name}/{from_ms:020d}".encode()


def catalogue_key(version: str, part: int | None = None) -> bytes:
    """Return the key of a catalogue's version, or of one of its parts, on `catalogues`."""
    return f"catalogue/{version}{'' if part is None else f'/{part:04d}'}".encode()


def dead_letter_key(data_set: str, shard: int, offset: int) -> bytes:
    """Return the key of a refused record on `dead-letters`."""
    return f"{data_set}/{shard}/{offset}".encode()


def source_key(source: str) -> bytes:
    """Return the key of a source's cursor on `cursors`."""
    return f"source/{source}".encode()
