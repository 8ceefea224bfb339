"""One cell as it stands in the log: a base, and the deltas since."""

from __future__ import annotations

from sottovoce.cells.codec import content_of
from sottovoce.cells.content import CellContent
from sottovoce.cells.errors import ForgottenCellError, IncompleteCellError
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2

type _Parts = dict[int, cell_pb2.CellPart]


class Cell:
    """The parts of one cell, and the law that makes a content of them.

    **Guarantee:** content = the base with the greatest `through` that is there in all its parts +
    the deltas with `from` >= that `through`. Correctness rests on that alone; tombstones of folded
    deltas only save space.

    Attributes:
        slice_ms: the slice's start.
        version: grows with each change, so that it can stand in the key of a cache.
    """

    __slots__ = ("_base", "_deltas", "_forgotten_below", "slice_ms", "version")

    def __init__(self, slice_ms: int) -> None:
        self.slice_ms = slice_ms
        self.version = 0
        self._base: _Parts = {}
        self._deltas: dict[int, _Parts] = {}
        self._forgotten_below = 0

    def put(self, key: CellKey, part: cell_pb2.CellPart) -> None:
        """Take in a part."""
        self.version += 1
        if key.kind is CellKeyKind.BASE:
            self._base[key.part] = part
            if part.through_offset >= self._forgotten_below:
                self._forgotten_below = 0
        else:
            self._deltas.setdefault(key.from_offset, {})[key.part] = part

    def drop(self, key: CellKey) -> None:
        """Apply a tombstone."""
        self.version += 1
        if key.kind is CellKeyKind.BASE:
            self._base.pop(key.part, None)
        elif key.from_offset in self._deltas:
            self._deltas[key.from_offset].pop(key.part, None)
            if not self._deltas[key.from_offset]:
                del self._deltas[key.from_offset]

    @property
    def is_empty(self) -> bool:
        """Whether no part is left."""
        return not self._base and not self._deltas

    @property
    def base_through(self) -> int:
        """The offset through which the base goes; 0 where there is none."""
        whole = [
            part.through_offset
            for part in self._base.values()
            if part.part == 0 and len(self._base_parts(part.through_offset)) == part.parts
        ]
        return max(whole, default=0)

    @property
    def delta_offsets(self) -> list[int]:
        """Where each delta that counts begins, ascending."""
        base = self.base_through
        return sorted(start for start in self._deltas if start >= base)

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

    @property
    def size_bytes(self) -> int:
        """How many bytes its parts take on the wire."""
        deltas = (part for parts in self._deltas.values() for part in parts.values())
        return sum(part.ByteSize() for part in (*self._base.values(), *deltas))

    def record_keys(self) -> list[CellKey]:
        """Return the key of every part, whether it counts or not."""
        keys = [CellKey(CellKeyKind.BASE, self.slice_ms, 0, part) for part in sorted(self._base)]
        return keys + [
            CellKey(CellKeyKind.DELTA, self.slice_ms, start, part)
            for start in sorted(self._deltas)
            for part in sorted(self._deltas[start])
        ]

    def content(self) -> CellContent:
        """Assemble the content.

        Raises:
            IncompleteCellError: a part is missing: the view was not read to its end, or the log
                lost records.
            ForgottenCellError: `forget` was called.
        """
        if self._forgotten_below:
            raise ForgottenCellError(
                f"the content of slice {self.slice_ms} was let go of; read it from the log"
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

    def _base_parts(self, through: int) -> list[cell_pb2.CellPart]:
        return [part for part in self._base.values() if part.through_offset == through]

    def _parts_that_count(self) -> list[cell_pb2.CellPart]:
        base = self.base_through
        if self._base and not base:
            raise IncompleteCellError(
                f"the base of slice {self.slice_ms} lacks parts: {sorted(self._base)} are there"
            )
        parts = self._base_parts(base) if base else []
        for start in self.delta_offsets:
            delta = self._deltas[start]
            wanted = next(iter(delta.values())).parts
            if len(delta) != wanted:
                raise IncompleteCellError(
                    f"the delta of slice {self.slice_ms} from offset {start} has {len(delta)} of "
                    f"{wanted} parts"
                )
            parts += delta.values()
        return parts
