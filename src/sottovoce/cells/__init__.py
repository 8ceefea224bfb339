"""Cells: what is kept of listens, one for each shard and slice, and how the log holds them."""

from sottovoce.cells.cell import Cell
from sottovoce.cells.codec import (
    MAX_PART_BYTES,
    KeyedValue,
    base_records,
    content_of,
    delta_records,
)
from sottovoce.cells.content import (
    FIRSTS_OF_ARTIST,
    FIRSTS_OF_TRACK,
    PLAYS,
    SAMPLE_SIZE,
    SAMPLED_DTYPE,
    CellContent,
)
from sottovoce.cells.errors import (
    CellsError,
    ForeignCellsError,
    ForgottenCellError,
    IncompleteCellError,
)
from sottovoce.cells.index import BLOCK_MS, BlockIndex, block_of, index_records
from sottovoce.cells.shard_view import FORMAT_VERSION, ShardView

__all__ = [
    "BLOCK_MS",
    "FIRSTS_OF_ARTIST",
    "FIRSTS_OF_TRACK",
    "FORMAT_VERSION",
    "MAX_PART_BYTES",
    "PLAYS",
    "SAMPLED_DTYPE",
    "SAMPLE_SIZE",
    "BlockIndex",
    "Cell",
    "CellContent",
    "CellsError",
    "ForeignCellsError",
    "ForgottenCellError",
    "IncompleteCellError",
    "KeyedValue",
    "ShardView",
    "base_records",
    "block_of",
    "content_of",
    "delta_records",
    "index_records",
]
