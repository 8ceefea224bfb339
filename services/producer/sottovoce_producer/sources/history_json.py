"""Rows of a JSON array, one at a time: a file of gigabytes takes a megabyte of memory."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from sottovoce_producer.errors import SourceError

MAX_ROW_CHARACTERS: Final = 65_536
"""A row that is longer is broken."""

_CHUNK_BYTES: Final = 1 << 20
_SPACES: Final = " \t\r\n"
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NEXT_ROW: Final = re.compile(r"\}[ \t\r\n]*,[ \t\r\n]*(?=\{)")
_LAST_ROW: Final = re.compile(r"\}[ \t\r\n]*(?=\][ \t\r\n]*\Z)")


class NotRowsError(SourceError):
    """A file does not hold a JSON array, or not all of it."""


class Broken:
    """Stands for a row that is no JSON."""

    __slots__ = ()


BROKEN: Final = Broken()


def read_rows(file: BinaryIO) -> Iterator[object]:
    """Yield the elements of the JSON array that a file holds.

    An element that is no JSON is yielded as `BROKEN`, and reading goes on at the next object.
    Bytes that are no UTF-8 come as lone surrogates, so that only their row suffers.

    Args:
        file: read once, from where it stands to its end.

    Raises:
        NotRowsError: it is no array, or its end is missing.
    """
    text = _Text(file)
    if text.next_character() != "[":
        raise NotRowsError("it does not hold a JSON array")
    text.position += 1
    if text.next_character() == "]":
        text.end()
        return
    rows = 0
    while True:
        yield text.row(rows)
        rows += 1
        while (separator := text.next_character()) != ",":
            if separator == "]":
                text.end()
                return
            if not separator:
                raise _cut_short(rows)
            text.skip_to_next_row(rows)
            yield BROKEN
            rows += 1
        text.position += 1


def _cut_short(rows: int) -> NotRowsError:
    return NotRowsError(f"it ends in the midst of its list, after {rows:,} rows: it is cut short")


class _Text:
    """The characters of a file, from the one that reading has come to."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        self._scan = json.JSONDecoder().raw_decode
        self._buffer = ""
        self._over = False
        self.position = 0

    def _fill(self) -> bool:
        """Add characters behind the buffer; return whether there were any."""
        while not self._over:
            chunk = self._file.read(_CHUNK_BYTES)
            self._over = not chunk
            more = self._decode(chunk, self._over)
            if more:
                self._buffer = self._buffer[self.position :] + more
                self.position = 0
                return True
        return False

    def next_character(self) -> str:
        """Go over white space; return the character there, or nothing at the end."""
        while True:
            here = self._buffer[self.position : self.position + 1]
            if here and here not in _SPACES:
                return here
            found = _SPACE.match(self._buffer, self.position)
            self.position = found.end() if found else self.position
            if self.position < len(self._buffer):
                return self._buffer[self.position]
            if not self._fill():
                return ""

    def row(self, before: int) -> object:
        """Return the element here and go behind it."""
        if not self.next_character():
            raise _cut_short(before)
        while True:
            try:
                row, end = self._scan(self._buffer, self.position)
            except (ValueError, RecursionError):
                if len(self._buffer) - self.position <= MAX_ROW_CHARACTERS and self._fill():
                    continue
                self.skip_to_next_row(before)
                return BROKEN
            # A number may go on in what was not read yet; objects and strings end where they end.
            if end == len(self._buffer) and self._fill():
                continue
            self.position = end
            return row

    def skip_to_next_row(self, before: int) -> None:
        """Go to the separator behind the broken row here."""
        while True:
            found = _NEXT_ROW.search(self._buffer, self.position)
            if found:
                # Behind the brace: the caller reads the separator.
                self.position = found.start() + 1
                return
            kept = max(self.position, len(self._buffer) - MAX_ROW_CHARACTERS)
            self.position = kept
            if not self._fill():
                break
        found = _LAST_ROW.search(self._buffer, self.position)
        if found is None:
            raise _cut_short(before)
        self.position = found.start() + 1

    def end(self) -> None:
        """Go behind the closing bracket; nothing may follow."""
        self.position += 1
        if self.next_character():
            raise NotRowsError("something follows its list")
