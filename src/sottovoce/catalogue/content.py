"""The content of a catalogue as one table, and the hash that names it.

The table has one row a track, sorted by track key; what is unknown is null. The hash is taken over
the values themselves, so neither the order of an input file nor a Parquet writer's choices change
it.
"""

import hashlib
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sottovoce.catalogue.errors import CatalogueError

FEATURES = (
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
)
"""The audio features, in the order of the columns of `Catalogue.features`."""

SCHEMA = pa.schema(
    [
        pa.field("high", pa.uint64(), nullable=False),
        pa.field("low", pa.uint64(), nullable=False),
        pa.field("name", pa.string()),
        pa.field("artists", pa.list_(pa.field("item", pa.string())), nullable=False),
        pa.field("primary_genre", pa.string()),
        pa.field("genres", pa.list_(pa.field("item", pa.string())), nullable=False),
        pa.field("popularity", pa.int16()),
        pa.field("duration_ms", pa.int32()),
        *(pa.field(feature, pa.float32()) for feature in FEATURES),
    ]
)
"""The columns of a catalogue's table. `low` is the track key; `artists` begins with the primary."""

_HASH_FORMAT = b"sottovoce catalogue 1\n"


def canonical_table(table: pa.Table) -> pa.Table:
    """Bring a table of `SCHEMA` into the one form that its content has.

    Sorted by track key, no metadata, one chunk, genres sorted, nan as null, no negative zero.

    Raises:
        CatalogueError: Columns are missing or of other types, or two tracks share a key.
    """
    missing = [name for name in SCHEMA.names if name not in table.schema.names]
    if missing:
        raise CatalogueError(
            f"the table is no catalogue: it lacks {', '.join(missing)} "
            f"(it has {', '.join(table.schema.names) or 'no columns'})"
        )
    for field in SCHEMA:
        if not field.nullable and table.column(field.name).null_count:
            raise CatalogueError(f"the table is no catalogue: {field.name} is null in a row")
    try:
        table = table.select(SCHEMA.names).replace_schema_metadata(None).cast(SCHEMA)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise CatalogueError(f"the table is no catalogue: {error}") from error
    table = table.take(pc.sort_indices(table, sort_keys=[("low", "ascending")])).combine_chunks()
    low = table.column("low").to_numpy()
    same = np.flatnonzero(low[1:] == low[:-1])
    if same.size:
        raise CatalogueError(
            f"{same.size} tracks share their track key with another, the first is {low[same[0]]}"
        )
    columns = {
        name: _canonical_floats(column) if pa.types.is_floating(column.type) else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    columns["genres"] = _canonical_genres(columns["genres"], columns["primary_genre"])
    return pa.table(columns, schema=SCHEMA)


def content_hash(table: pa.Table) -> str:
    """The version of a catalogue: SHA-256, in hex, over the values of a canonical table."""
    digest = hashlib.sha256(_HASH_FORMAT)
    digest.update(struct.pack("<Q", table.num_rows))
    for field, column in zip(table.schema, table.columns, strict=True):
        digest.update(f"{field.name}\n".encode())
        _feed(digest, _one_array(column))
    return digest.hexdigest()


def _canonical_floats(column: pa.ChunkedArray) -> pa.Array:
    values = column.to_numpy().astype(np.float32) + np.float32(0)  # -0 + 0 is +0
    return pa.array(values, type=pa.float32(), mask=np.isnan(values))


def _canonical_genres(genres: pa.ChunkedArray, primary: pa.ChunkedArray) -> pa.Array:
    """Each track's genres sorted, once each, the primary among them."""
    lists = []
    for every, first in zip(genres.to_pylist(), primary.to_pylist(), strict=True):
        lists.append(sorted({genre for genre in (*every, first) if genre is not None}))
    return pa.array(lists, type=SCHEMA.field("genres").type)


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def _feed(digest: Any, array: pa.Array) -> None:
    digest.update(np.packbits(array.is_valid().to_numpy(zero_copy_only=False)).tobytes())
    if pa.types.is_list(array.type):
        digest.update(_little_endian(pc.list_value_length(array)))
        items = array.flatten()
        digest.update(struct.pack("<Q", len(items)))
        _feed(digest, items)
    elif pa.types.is_string(array.type):
        texts = pc.fill_null(array, "")
        digest.update(_little_endian(pc.binary_length(texts)))
        offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)
        offsets = offsets[texts.offset : texts.offset + len(texts) + 1]
        data = texts.buffers()[2]
        if len(texts) and data is not None:
            digest.update(memoryview(data)[int(offsets[0]) : int(offsets[-1])])
    else:
        digest.update(_little_endian(pc.fill_null(array, 0)))


def _little_endian(array: pa.Array) -> bytes:
    values = array.to_numpy(zero_copy_only=False)
    data: bytes = values.astype(values.dtype.newbyteorder("<")).tobytes()
    return data
