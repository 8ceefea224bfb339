"""What every sketch has in common: bytes, equality and merging.

**The law:** the content of a mergeable sketch is a pure function of the multiset of items that went
into it. Any order, any batching, any merge tree: the same `payload()`, byte for byte.
"""

import struct
from abc import ABC, abstractmethod
from typing import ClassVar, Self

from sottovoce.sketches.encoding import seal, unseal
from sottovoce.sketches.errors import CorruptSketch, ParametersDiffer


class Sketch(ABC):
    """A summary in bounded space that goes over the wire as bytes."""

    __slots__ = ()

    KIND: ClassVar[int]
    VERSION: ClassVar[int] = 1

    @abstractmethod
    def payload(self) -> bytes:
        """The canonical, uncompressed bytes: two sketches are equal exactly if these are."""

    @abstractmethod
    def _parameters(self) -> dict[str, object]:
        """What must be the same in two sketches that are merged."""

    @abstractmethod
    def _merge(self, other: Self) -> None:
        """Takes in another sketch with the same parameters."""

    @classmethod
    @abstractmethod
    def _restore(cls, body: bytes) -> Self:
        """Reads what `_body` wrote; any ValueError means that the bytes are corrupt."""

    def _body(self) -> bytes:
        """The bytes inside the envelope; the payload, unless a type knows a smaller form."""
        return self.payload()

    def merge(self, other: Self) -> None:
        """Takes in the items of another sketch, in place.

        Raises:
            ParametersDiffer: where the other is of another type or has other parameters.
        """
        name = type(self).__name__
        if not isinstance(other, type(self)):
            raise ParametersDiffer(f"a {name} can't take in a {type(other).__name__}")
        mine, theirs = self._parameters(), other._parameters()
        if mine != theirs:
            raise ParametersDiffer(
                f"two {name} with different parameters can't be merged: {mine} and {theirs}"
            )
        self._merge(other)

    def to_bytes(self) -> bytes:
        """The sketch as bytes: header, checksum and compressed content."""
        return seal(self.KIND, self.VERSION, self._body())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Reads what `to_bytes` wrote.

        Raises:
            CorruptSketch: where the bytes are of another sketch, changed or (TruncatedSketch) cut.
            NewerVersion: where they were written by a newer version of the format.
        """
        body = unseal(cls.KIND, cls.VERSION, bytes(data), cls.__name__)
        try:
            return cls._restore(body)
        except (ValueError, IndexError, OverflowError, struct.error) as error:
            if isinstance(error, CorruptSketch):
                raise
            raise CorruptSketch(f"{cls.__name__}: the content can't be read: {error}") from error

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        assert isinstance(other, Sketch)
        return self.payload() == other.payload()

    __hash__ = None  # type: ignore[assignment]
