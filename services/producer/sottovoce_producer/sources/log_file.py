"""A listening log on disk: plain or gzip, of any known shape."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, TextIO, cast

from sottovoce_producer.errors import SourceError
from sottovoce_producer.sources.log_formats import FORMATS, LogRow

_GZIP: Final = b"\x1f\x8b"
_LONGEST_FIRST_LINE: Final = 1 << 16


class LogFile:
    """A file of a known shape.

    Args:
        path: plain or gzip.

    Attributes:
        path: as given.
        format: its shape.
        digest: 16 hex digits of the SHA-256 of its bytes: the file's name among sources.

    Raises:
        SourceError: it can't be read, or has none of the known shapes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._zipped = file.read(2) == _GZIP
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256")
            self.digest = digest.hexdigest()[:16]
            with self._text() as text:
                first_line = text.readline(_LONGEST_FIRST_LINE)
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"{path} can't be read: {_words(error)}") from error
        for each in FORMATS:
            if each.matches(first_line):
                self.format = each
                return
        known = "; ".join(each.shape for each in FORMATS)
        raise SourceError(
            f"{path} is no listening log that is known. Known are, plain or gzip: {known}. Its "
            f"first line is {first_line[:100].strip()!r}"
        )

    def _text(self) -> TextIO:
        raw = self.path.open("rb")
        binary = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if self._zipped else raw
        return io.TextIOWrapper(binary, "utf-8-sig", "surrogateescape", newline="")

    def rows(self) -> Iterator[LogRow]:
        """Yield every row, good or bad, in the order of the file.

        Raises:
            SourceError: the file ends in the middle of its gzip, or can't be read on.
        """
        try:
            with self._text() as text:
                yield from self.format.read(text)
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"{self.path} can't be read on: {_words(error)}") from error


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{error}"
