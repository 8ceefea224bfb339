"""What counts as an item, and which bytes it stands for.

| given as                                            | bytes of an item                  |
|-----------------------------------------------------|-----------------------------------|
| `str` (list, numpy `U` or object, arrow string)     | its UTF-8                         |
| `bytes` (list, numpy `S` or object, arrow binary)   | themselves                        |
| numpy or arrow integers                             | 8 bytes, little-endian            |
| numpy `(n, w)` uint8                                | the w bytes of the row            |
| numpy structured or void array                      | the bytes of the record           |
| arrow dictionary array                              | those of the value it points at   |

Signed integers are in two's complement, so 1 is the same item in int64 and uint64.
numpy itself drops the trailing zero bytes of `S` and `U` elements; give such items in another form.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sottovoce.sketches.errors import UnsupportedItems

type ItemsLike = Sequence[str] | Sequence[bytes] | NDArray[np.generic] | pa.Array | pa.ChunkedArray


@dataclass(frozen=True, slots=True)
class Items:
    """Items as one buffer: item i is `data[starts[i] : starts[i] + lengths[i]]`."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    width: int | None = None
    """The length of every item, where all have the same and `data` is their plain sequence."""

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> bytes:
        start = int(self.starts[index])
        return self.data[start : start + int(self.lengths[index])].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        return (self[index] for index in range(len(self)))

    @classmethod
    def of_width(cls, matrix: NDArray[np.uint8]) -> "Items":
        """The rows of an (n, width) matrix."""
        count, width = matrix.shape
        starts = np.arange(count, dtype=np.int64) * width
        lengths = np.full(count, width, dtype=np.int64)
        return cls(np.ascontiguousarray(matrix).reshape(-1), starts, lengths, width)

    @classmethod
    def read(cls, items: ItemsLike) -> "Items":
        """Reads any of the accepted forms.

        Raises:
            UnsupportedItems: where the form or an element of it is none of the table above.
        """
        if isinstance(items, (str, bytes, bytearray, memoryview)):
            raise UnsupportedItems(
                f"items must be a sequence of str or bytes, not a single {type(items).__name__}: "
                "put it in a list"
            )
        if isinstance(items, (pa.Array, pa.ChunkedArray)):
            return _read_arrow(items)
        if isinstance(items, np.ndarray):
            return _read_numpy(items)
        if not isinstance(items, Iterable):
            raise UnsupportedItems(
                f"items must be a sequence of str or bytes or an array, not {items!r:.60}"
            )
        return _read_sequence(items if isinstance(items, Sequence) else list(items))


def _read_sequence(items: Sequence[str | bytes]) -> Items:
    encoded: list[bytes] = []
    for item in items:
        if isinstance(item, str):
            try:
                encoded.append(item.encode())
            except UnicodeEncodeError as error:
                raise UnsupportedItems(f"an item has no UTF-8: {item!r:.60}") from error
        elif isinstance(item, bytes):
            encoded.append(item)
        else:
            raise UnsupportedItems(
                f"an item must be str or bytes, not {type(item).__name__}: {item!r:.60}; "
                "integers go in as a numpy or arrow array"
            )
    lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    data = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    return Items(data, np.cumsum(lengths) - lengths, lengths)


def _read_numpy(items: NDArray[np.generic]) -> Items:
    kind = items.dtype.kind
    if np.ma.is_masked(items):
        raise UnsupportedItems("items must not be masked: leave the masked ones out")
    if items.shape == (0,):
        return _read_sequence([])
    if items.ndim == 2 and items.dtype == np.uint8:
        return Items.of_width(items.view(np.uint8))
    if items.ndim != 1:
        raise UnsupportedItems(
            f"an array of items must have one dimension, or two and type uint8: "
            f"shape {items.shape}, type {items.dtype}"
        )
    if kind in "iu":
        wide = items.astype("<i8" if kind == "i" else "<u8")
        return Items.of_width(wide.view(np.uint8).reshape(len(items), 8))
    if kind == "V":
        plain = np.ascontiguousarray(items)
        return Items.of_width(plain.view(np.uint8).reshape(len(items), items.dtype.itemsize))
    if kind == "U":
        try:
            return _read_numpy(np.char.encode(items.astype(np.str_), "utf-8"))
        except UnicodeEncodeError as error:
            raise UnsupportedItems(f"an item has no UTF-8: {error}") from error
    if kind == "S":
        plain = np.ascontiguousarray(items)
        width = items.dtype.itemsize
        lengths = np.char.str_len(plain.astype(np.bytes_)).astype(np.int64)
        starts = np.arange(len(items), dtype=np.int64) * width
        return Items(plain.view(np.uint8).reshape(-1), starts, lengths)
    if kind in "OT":
        return _read_sequence(items.tolist())
    raise UnsupportedItems(f"items can't be an array of type {items.dtype}")


def _read_arrow(items: pa.Array | pa.ChunkedArray) -> Items:
    if items.null_count:
        raise UnsupportedItems(f"items must not be null: {items.null_count} of {len(items)} are")
    if isinstance(items, pa.ChunkedArray):
        items = items.combine_chunks()
        if isinstance(items, pa.ChunkedArray):
            items = pa.concat_arrays(items.chunks)
    if pa.types.is_dictionary(items.type):
        items = items.dictionary_decode()
        if items.null_count:
            raise UnsupportedItems("items must not be null: the dictionary holds a null")
    kind = items.type
    if len(items) == 0:
        return _read_sequence([])
    if pa.types.is_integer(kind):
        return _read_numpy(items.to_numpy(zero_copy_only=False))
    if pa.types.is_fixed_size_binary(kind):
        width = kind.byte_width
        data = np.frombuffer(items.buffers()[1], dtype=np.uint8)
        first = items.offset * width
        return Items.of_width(data[first : first + len(items) * width].reshape(len(items), width))
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        items = items.cast(pa.large_string())
    elif pa.types.is_binary(kind) or pa.types.is_binary_view(kind):
        items = items.cast(pa.large_binary())
    elif not (pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)):
        raise UnsupportedItems(f"items can't be an arrow array of type {kind}")
    _, offsets, values = items.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64)[items.offset : items.offset + len(items) + 1]
    data = np.frombuffer(values, np.uint8) if values else np.empty(0, np.uint8)
    return Items(data, bounds[:-1], np.diff(bounds))
