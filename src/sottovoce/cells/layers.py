"""A base and the deltas since: how cells and the log index stand in the log."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from sottovoce.cells.errors import IncompleteCellError
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2


class Layers[Part: (cell_pb2.CellPart, cell_pb2.LogIndexPart)](ABC):
    """The parts of a base and of deltas, and the law of which count.

    **Guarantee:** what counts is the base with the greatest `through` that is there in all its
    parts + the deltas with `from` >= that `through`. Correctness rests on that alone; tombstones of
    folded deltas only save space.

    Args:
        at: what the keys of the parts say: the slice's start, or the block's number.
    """

    BASE: ClassVar[CellKeyKind]
    DELTA: ClassVar[CellKeyKind]
    NAME: ClassVar[str]
    __slots__ = ("_at", "_base", "_deltas")

    def __init__(self, at: int) -> None:
        self._at = at
        self._base: dict[int, Part] = {}
        self._deltas: dict[int, dict[int, Part]] = {}

    @staticmethod
    @abstractmethod
    def _read(value: bytes) -> Part:
        """Return a record's value as a message."""

    def apply(self, key: CellKey, value: bytes | None) -> None:
        """Take in a part, or apply its tombstone."""
        if key.kind is self.BASE:
            parts = self._base
        else:
            parts = self._deltas.setdefault(key.from_offset, {})
        if value is not None:
            parts[key.part] = self._read(value)
        else:
            parts.pop(key.part, None)
        if key.kind is not self.BASE and not parts:
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

    def record_keys(self) -> list[CellKey]:
        """Return the key of every part, whether it counts or not."""
        keys = [CellKey(self.BASE, self._at, 0, part) for part in sorted(self._base)]
        return keys + [
            CellKey(self.DELTA, self._at, start, part)
            for start in sorted(self._deltas)
            for part in sorted(self._deltas[start])
        ]

    @property
    def nbytes(self) -> int:
        """How many bytes the parts that count take."""
        return sum(part.ByteSize() for part in self._parts_that_count())

    def _base_parts(self, through: int) -> list[Part]:
        return [part for _, part in sorted(self._base.items()) if part.through_offset == through]

    def _parts_that_count(self) -> list[Part]:
        """Return the base's parts by their number, then each delta's.

        Raises:
            IncompleteCellError: a part is missing: the view was not read to its end, or the log
                lost records.
        """
        base = self.base_through
        if self._base and not base:
            raise IncompleteCellError(
                f"the base of {self.NAME} {self._at} lacks parts: {sorted(self._base)} are there"
            )
        parts = self._base_parts(base) if base else []
        for start in self.delta_offsets:
            delta = [part for _, part in sorted(self._deltas[start].items())]
            if len(delta) != delta[0].parts:
                raise IncompleteCellError(
                    f"the delta of {self.NAME} {self._at} from offset {start} has {len(delta)} of "
                    f"{delta[0].parts} parts"
                )
            parts += delta
        return parts
