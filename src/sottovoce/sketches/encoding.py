"""The envelope of every sketch on the wire: what it is, which version, and whether it is whole.

| bytes | meaning                                                                 |
|-------|-------------------------------------------------------------------------|
| 2     | magic `sv`                                                              |
| 1     | type of the sketch                                                      |
| 1     | version of that type's format                                           |
| 1     | 0: the body as it is, 1: the body compressed with zstd                  |
| 4     | length of what follows the header, little-endian                        |
| 4     | CRC-32 of everything but these four bytes, little-endian                |

A CRC-32 finds every flipped bit and every burst of up to 32 bits; the length finds every cut.
"""

import struct
import zlib

import zstandard

from sottovoce.sketches.errors import CorruptSketch, NewerVersion, TruncatedSketch

_MAGIC = b"sv"
_HEAD = struct.Struct("<2sBBBI")
_CHECKSUM = struct.Struct("<I")
HEADER_BYTES = _HEAD.size + _CHECKSUM.size
MAX_BODY_BYTES = 1 << 30
_PLAIN, _ZSTD = 0, 1


def seal(kind: int, version: int, body: bytes, *, compress: bool = True) -> bytes:
    """Puts a body into its envelope; compressed only where that makes it smaller."""
    codec, stored = _PLAIN, body
    if compress:
        packed = zstandard.ZstdCompressor(level=9).compress(body)
        if len(packed) < len(body):
            codec, stored = _ZSTD, packed
    head = _HEAD.pack(_MAGIC, kind, version, codec, len(stored))
    return head + _CHECKSUM.pack(zlib.crc32(stored, zlib.crc32(head))) + stored


def unseal(kind: int, version: int, data: bytes, name: str) -> bytes:
    """Takes the body out of its envelope.

    Args:
        kind: the type of sketch that is expected.
        version: the newest version of its format that is understood.
        data: the envelope, nothing before or after it.
        name: the type's name, for messages.

    Raises:
        TruncatedSketch: where bytes are missing at the end.
        NewerVersion: where the bytes are of a version above `version`.
        CorruptSketch: where they are anything else than `seal` wrote.
    """
    if len(data) < HEADER_BYTES:
        raise TruncatedSketch(
            f"{name}: {len(data)} bytes are fewer than a header of {HEADER_BYTES}: "
            "read the whole value"
        )
    magic, found_kind, found_version, codec, length = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise CorruptSketch(f"{name}: these bytes are no sketch: they begin with {magic!r}")
    stored = data[HEADER_BYTES:]
    (checksum,) = _CHECKSUM.unpack_from(data, _HEAD.size)
    whole = len(stored) == length
    intact = whole and checksum == zlib.crc32(stored, zlib.crc32(data[: _HEAD.size]))
    if found_version > version and (intact or not whole):
        raise NewerVersion(
            f"{name}: the bytes are of format version {found_version}, this library reads up to "
            f"{version}: upgrade sottovoce"
        )
    if len(stored) < length:
        raise TruncatedSketch(
            f"{name}: {len(stored)} bytes of a body of {length}: read the whole value"
        )
    if not intact:
        raise CorruptSketch(
            f"{name}: the checksum does not fit the {len(data)} bytes: they were changed after "
            "they were written"
        )
    if found_kind != kind:
        raise CorruptSketch(f"{name}: the bytes are of another sketch, of type {found_kind}")
    if found_version == 0:
        raise CorruptSketch(f"{name}: there is no format version 0")
    if codec == _PLAIN:
        return bytes(stored)
    if codec == _ZSTD:
        return _decompress(bytes(stored), name)
    raise CorruptSketch(f"{name}: unknown compression {codec}")


def _decompress(stored: bytes, name: str) -> bytes:
    try:
        size = zstandard.frame_content_size(stored)
        if not 0 <= size <= MAX_BODY_BYTES:
            raise CorruptSketch(f"{name}: a body of {size} bytes is not one of ours")
        return zstandard.ZstdDecompressor().decompress(stored)
    except zstandard.ZstdError as error:
        raise CorruptSketch(f"{name}: the compressed body can't be read: {error}") from error
