"""Non-negative integers in few bytes: the smallest of three codes, chosen by content.

* Rice (Golomb codes with a power of two): each value v as v >> k in unary and its k low bits.
  Within some hundredths of a bit of the entropy where values are geometric, as the gaps between
  random positions are. *Source:* Rice, "Some practical universal noiseless coding techniques",
  JPL 79-22, 1979.
* the bytes of equal significance side by side, compressed with zstd: for skewed small numbers.
* a constant.

Everything is vectorised, and the decoder reads from an offset, so that codes can be concatenated.
"""

import numpy as np
import zstandard
from numpy.typing import NDArray

_CONSTANT, _RICE, _PLANES = 0, 1, 2
_MAX_COUNT = 1 << 31


def encode_number(value: int) -> bytes:
    """One integer in 7-bit groups, the lowest first (LEB128)."""
    groups = bytearray()
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def decode_number(data: bytes, offset: int) -> tuple[int, int]:
    """The integer at `offset` and the offset after it."""
    value = shift = 0
    while True:
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7
        if shift > 63:
            raise ValueError("an integer of more than ten groups")


def encode_integers(values: NDArray[np.uint64]) -> bytes:
    """The values (uint64) in the smallest of the codes."""
    values = np.ascontiguousarray(values, dtype=np.uint64)
    head = encode_number(len(values))
    if len(values) == 0:
        return head
    if (values == values[0]).all():
        return head + bytes([_CONSTANT]) + encode_number(int(values[0]))
    rice = _encode_rice(values)
    planes = _encode_planes(values)
    if len(planes) < len(rice):
        return head + bytes([_PLANES]) + planes
    return head + bytes([_RICE]) + rice


def decode_integers(data: bytes, offset: int) -> tuple[NDArray[np.uint64], int]:
    """The values at `offset` and the offset after them; ValueError where there are none."""
    count, offset = decode_number(data, offset)
    if count > _MAX_COUNT:
        raise ValueError(f"a list of {count} integers is not one of ours")
    if count == 0:
        return np.empty(0, dtype=np.uint64), offset
    code, offset = data[offset], offset + 1
    if code == _CONSTANT:
        value, offset = decode_number(data, offset)
        return np.full(count, value, dtype=np.uint64), offset
    if code == _RICE:
        return _decode_rice(data, offset, count)
    if code == _PLANES:
        return _decode_planes(data, offset, count)
    raise ValueError(f"unknown code {code} of integers")


def _rice_parameter(values: NDArray[np.uint64]) -> int:
    """The best k near log2(ln 2 x mean); the exact cost decides, so it depends on content alone."""
    mean = float(values.astype(np.float64).mean())
    guess = max(0, int(mean * 0.6931).bit_length() - 1)
    candidates = range(max(0, guess - 1), min(63, guess + 1) + 1)

    def cost(low: int) -> int:
        return len(values) * (low + 1) + int((values >> np.uint64(low)).sum())

    return min(candidates, key=cost)


def _encode_rice(values: NDArray[np.uint64]) -> bytes:
    low = _rice_parameter(values)
    ends = np.cumsum((values >> np.uint64(low)).astype(np.int64) + 1) - 1
    unary = np.zeros(int(ends[-1]) + 1, dtype=np.uint8)
    unary[ends] = 1
    packed = np.packbits(unary).tobytes()
    whole, rest = divmod(low, 8)
    columns = values.astype("<u8").view(np.uint8).reshape(-1, 8)
    parts = [bytes([low]), encode_number(len(packed)), packed, columns[:, :whole].tobytes()]
    if rest:
        bits = np.unpackbits(columns[:, whole, None], axis=1, count=rest, bitorder="little")
        parts.append(np.packbits(bits).tobytes())
    return b"".join(parts)


def _decode_rice(data: bytes, offset: int, count: int) -> tuple[NDArray[np.uint64], int]:
    low, offset = data[offset], offset + 1
    if low > 63:
        raise ValueError(f"a Rice parameter of {low}")
    size, offset = decode_number(data, offset)
    ends = np.flatnonzero(np.unpackbits(np.frombuffer(data, np.uint8, size, offset)))
    offset += size
    if len(ends) != count:
        raise ValueError(f"{len(ends)} values where {count} should stand")
    high = np.diff(ends, prepend=-1) - 1
    whole, rest = divmod(low, 8)
    columns = np.zeros((count, 8), dtype=np.uint8)
    columns[:, :whole] = np.frombuffer(data, np.uint8, count * whole, offset).reshape(count, whole)
    offset += count * whole
    if rest:
        size = -(-count * rest // 8)
        bits = np.unpackbits(np.frombuffer(data, np.uint8, size, offset), count=count * rest)
        columns[:, whole] = np.packbits(bits.reshape(count, rest), axis=1, bitorder="little")[:, 0]
        offset += size
    values = columns.view("<u8")[:, 0].astype(np.uint64)
    return values | (high.astype(np.uint64) << np.uint64(low)), offset


def _encode_planes(values: NDArray[np.uint64]) -> bytes:
    width = max(1, -(-int(values.max()).bit_length() // 8))
    columns = values.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width]
    plain = np.ascontiguousarray(columns.T).tobytes()
    packed = zstandard.ZstdCompressor(level=9, write_content_size=False).compress(plain)
    return bytes([width]) + encode_number(len(packed)) + packed


def _decode_planes(data: bytes, offset: int, count: int) -> tuple[NDArray[np.uint64], int]:
    width, offset = data[offset], offset + 1
    if not 1 <= width <= 8:
        raise ValueError(f"integers of {width} bytes")
    size, offset = decode_number(data, offset)
    try:
        plain = zstandard.ZstdDecompressor().decompress(
            data[offset : offset + size], max_output_size=count * width
        )
    except zstandard.ZstdError as error:
        raise ValueError(f"compressed integers can't be read: {error}") from error
    columns = np.zeros((count, 8), dtype=np.uint8)
    columns[:, :width] = np.frombuffer(plain, np.uint8).reshape(width, count).T
    return columns.view("<u8")[:, 0].astype(np.uint64), offset + size


def encode_bits(bits: NDArray[np.bool_]) -> bytes:
    """A bit array, as it is or as the gaps between its rarer bits, whichever is smaller."""
    ones = int(np.count_nonzero(bits))
    rare = 2 * ones <= len(bits)
    places = np.flatnonzero(bits if rare else ~bits)
    head = encode_number(len(bits))
    gaps = encode_integers((np.diff(places, prepend=-1) - 1).astype(np.uint64))
    plain = np.packbits(bits, bitorder="little").tobytes()
    if len(plain) <= len(gaps):
        return head + b"\0" + plain
    return head + (b"\1" if rare else b"\2") + gaps


def decode_bits(data: bytes, offset: int) -> tuple[NDArray[np.bool_], int]:
    """The bit array at `offset` and the offset after it; ValueError where there is none."""
    size, offset = decode_number(data, offset)
    if size > 8 * _MAX_COUNT:
        raise ValueError(f"a bit array of {size} bits is not one of ours")
    form, offset = data[offset], offset + 1
    if form == 0:
        packed = np.frombuffer(data, np.uint8, -(-size // 8), offset)
        bits = np.unpackbits(packed, count=size, bitorder="little").astype(np.bool_)
        return bits, offset + len(packed)
    if form > 2:
        raise ValueError(f"unknown form {form} of a bit array")
    gaps, offset = decode_integers(data, offset)
    places = np.cumsum(gaps.astype(np.int64) + 1) - 1
    bits = np.full(size, form == 2, dtype=np.bool_)
    bits[places] = form == 1
    return bits, offset
