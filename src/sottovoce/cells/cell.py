"""One cell as it stands in the log."""

from __future__ import annotations

from sottovoce.cells.codec import content_of
from sottovoce.cells.content import CellContent
from sottovoce.cells.errors import ForgottenCellError
from sottovoce.cells.layers import Layers
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2


class Cell(Layers[cell_pb2.CellPart]):
    """The parts of one cell, and the content that the law of `Layers` makes of them.

    Args:
        at: the slice's start, milliseconds.
    """

    BASE = CellKeyKind.BASE
    DELTA = CellKeyKind.DELTA
    NAME = "slice"
    __slots__ = ("_forgotten_below",)

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self._forgotten_below = 0

    @staticmethod
    def _read(value: bytes) -> cell_pb2.CellPart:
        return cell_pb2.CellPart.FromString(value)

    def apply(self, key: CellKey, value: bytes | None) -> None:
        """Take in a part, or apply its tombstone; a later base brings forgotten content back."""
        super().apply(key, value)
        base = self._base.get(key.part) if key.kind is self.BASE else None
        if base is not None and base.through_offset >= self._forgotten_below:
            self._forgotten_below = 0

    @property
    def through(self) -> int:
        """The offset after the last that the content covers."""
        return max(
            (part.through_offset for part in self._parts_that_count()), default=self.base_through
        )

    @property
    def blocks(self) -> set[int]:
        """The blocks of the log that fed the content."""
        return {block for part in self._parts_that_count() for block in part.blocks}

    def content(self) -> CellContent:
        """Assemble the content.

        Raises:
            IncompleteCellError: a part is missing: the view was not read to its end, or the log
                lost records.
            ForgottenCellError: `forget` was called.
        """
        if self._forgotten_below:
            raise ForgottenCellError(
                f"the content of slice {self._at} was let go of; read it from the log"
            )
        return content_of(self._parts_that_count())

    def forget(self) -> None:
        """Let go of the content, keep what the keys, offsets and blocks are."""
        for parts in (self._base, *self._deltas.values()):
            for number, part in parts.items():
                part.ClearField("sketches")
                # A message keeps the memory of what it was read from until it goes itself.
                parts[number] = cell_pb2.CellPart()
                parts[number].CopyFrom(part)
        self._forgotten_below = max(1, self.through)

    @property
    def is_forgotten(self) -> bool:
        """Whether `content` is out of reach."""
        return self._forgotten_below > 0
