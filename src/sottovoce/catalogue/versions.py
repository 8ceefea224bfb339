"""A catalogue version as it travels: Parquet in parts that fit into a record of the log.

Each part names its version, its place and how many parts there are, in the metadata of its schema.
"""

import math
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from sottovoce.catalogue.catalogue import Catalogue
from sottovoce.catalogue.content import SCHEMA
from sottovoce.catalogue.errors import CatalogueError

MAX_PART_BYTES = 512 * 1024

_VERSION = b"sottovoce.version"
_PART = b"sottovoce.part"
_PARTS = b"sottovoce.parts"
_MAX_PARTS = 99_999_999


def to_parts(catalogue: Catalogue, max_bytes: int = MAX_PART_BYTES) -> list[bytes]:
    """Cut a catalogue into Parquet files of at most `max_bytes` each, zstd inside.

    An empty catalogue is one part.

    Raises:
        CatalogueError: A single track does not fit.
    """
    pieces = _cut(catalogue.table, catalogue.version, max_bytes)
    return [
        _write(piece, catalogue.version, part, len(pieces)) for part, piece in enumerate(pieces)
    ]


def from_parts(parts: Iterable[bytes], version: str) -> Catalogue:
    """Put a catalogue together from its parts, in any order.

    Args:
        parts: What `to_parts` made; a part may come twice.
        version: The version that they must be.

    Raises:
        CatalogueError: A part is none, belongs to another version or is missing, or the content's
            hash is not the version.
    """
    tables: dict[int, pa.Table] = {}
    expected = 0
    for data in parts:
        table, part, expected = _read(data, version)
        tables[part] = table
    if not tables:
        raise CatalogueError(f"catalogue {version} has no parts")
    missing = sorted(set(range(expected)) - tables.keys())
    if missing:
        raise CatalogueError(
            f"catalogue {version} is incomplete: {len(missing)} of {expected} parts are missing, "
            f"the first is part {missing[0]}"
        )
    catalogue = Catalogue.from_table(pa.concat_tables(tables[part] for part in sorted(tables)))
    if catalogue.version != version:
        raise CatalogueError(
            f"catalogue {version} is damaged: the hash of its content is {catalogue.version}"
        )
    return catalogue


def _cut(table: pa.Table, version: str, max_bytes: int) -> list[pa.Table]:
    size = len(_write(table, version, _MAX_PARTS, _MAX_PARTS))
    if size <= max_bytes:
        return [table]
    if table.num_rows <= 1:
        raise CatalogueError(
            f"a part of a catalogue must hold at least one track: {size} bytes, "
            f"over the limit of {max_bytes}"
        )
    step = math.ceil(table.num_rows / min(table.num_rows, math.ceil(size * 1.05 / max_bytes)))
    pieces = [table.slice(start, step) for start in range(0, table.num_rows, step)]
    return [cut for piece in pieces for cut in _cut(piece, version, max_bytes)]


def _write(table: pa.Table, version: str, part: int, parts: int) -> bytes:
    metadata = {
        _VERSION: version.encode(),
        _PART: f"{part:08d}".encode(),  # fixed width: a part's size does not depend on its place
        _PARTS: f"{parts:08d}".encode(),
    }
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata(metadata),
        sink,
        compression="zstd",
        write_statistics=False,
        write_page_checksum=True,
    )
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _read(data: bytes, version: str) -> tuple[pa.Table, int, int]:
    try:
        # Not `read_table`, which loads what reads whole folders: 20 MB, for a few small parts.
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        table = file.read(use_threads=False)
        metadata = table.schema.metadata or {}
        found = metadata[_VERSION].decode()
        part, parts = int(metadata[_PART]), int(metadata[_PARTS])
        table = table.replace_schema_metadata(None).select(SCHEMA.names).cast(SCHEMA)
        table.validate(full=True)
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise CatalogueError(f"these bytes are no part of catalogue {version}: {error}") from error
    if found != version:
        raise CatalogueError(f"a part of catalogue {found} stands among those of {version}")
    if not 0 <= part < parts:
        raise CatalogueError(f"catalogue {version} has a part {part} of {parts}")
    return table, part, parts
