"""Looking an export through before the first of its plays is written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from sottovoce_producer.errors import SourceError
from sottovoce_producer.sources.history_files import ExportFile, ExportFileError
from sottovoce_producer.sources.history_formats import Shape, end_time_ms, recognise
from sottovoce_producer.sources.history_json import NotRowsError, read_rows

_ROWS_TO_RECOGNISE: Final = 100
_SHOWN_FAULTS: Final = 5

type Progress = Callable[[int], None]
"""Is told how many more bytes were read."""


class NotAnExportError(SourceError):
    """A file is no export of a listening history, or not all of one."""


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file that was read to its end and is an export.

    Attributes:
        file: the file.
        digest: of its content and of the account that it is imported for; keys its cursor.
        shape: which kind of export; None where it has no rows.
        rows: how many there are.
        first_ms: the earliest end of a play; None where no row tells any.
        last_ms: the latest.
    """

    file: ExportFile
    digest: str
    shape: Shape | None
    rows: int
    first_ms: int | None
    last_ms: int | None


@dataclass(frozen=True, slots=True)
class CheckedExport:
    """Files to import, each content once.

    Attributes:
        files: in the order of their names.
        repeated: files with the content of another one, which are left out.
    """

    files: list[CheckedFile]
    repeated: list[ExportFile]

    @property
    def mixed(self) -> bool:
        """Whether there are exports of both shapes."""
        return {file.shape for file in self.files} >= set(Shape)

    @property
    def covered(self) -> list[tuple[int, int]]:
        """The times, ends included, that files of the extended history cover."""
        return [
            (file.first_ms, file.last_ms)
            for file in self.files
            if file.shape is Shape.EXTENDED
            and file.first_ms is not None
            and file.last_ms is not None
        ]


def check_files(
    files: Iterable[ExportFile], account: str, progress: Progress = lambda _: None
) -> CheckedExport:
    """Read every file to its end.

    Args:
        files: what should hold plays.
        account: who they are imported for.
        progress: told of the bytes read.

    Raises:
        NotAnExportError: a file is cut short, damaged or no export, said of each; or the files are
            of more than one person.
    """
    checked: dict[str, CheckedFile] = {}
    repeated: list[ExportFile] = []
    faults: list[str] = []
    people: set[str] = set()
    for file in files:
        try:
            found = _check(file, account, people, progress)
        except (NotRowsError, ExportFileError, NotAnExportError) as error:
            faults.append(str(error) if file.label in str(error) else f"{file.label}: {error}")
            continue
        if found.digest in checked:
            repeated.append(file)
        else:
            checked[found.digest] = found
    if faults:
        more = len(faults) - _SHOWN_FAULTS
        shown = "\n  ".join(faults[:_SHOWN_FAULTS])
        raise NotAnExportError(
            f"nothing was imported:\n  {shown}" + (f"\n  and {more} more files" if more > 0 else "")
        )
    if len(people) > 1:
        raise NotAnExportError(
            f"nothing was imported: the files are of {len(people)} people; import each person's "
            "alone, with an --account of its own"
        )
    return CheckedExport(list(checked.values()), repeated)


def _check(file: ExportFile, account: str, people: set[str], progress: Progress) -> CheckedFile:
    shape: Shape | None = None
    rows = 0
    first: int | None = None
    last: int | None = None
    with file.open() as opened:
        reader = _Digesting(opened, account, progress)
        for row in read_rows(cast("BinaryIO", reader)):
            rows += 1
            if shape is None:
                if rows > _ROWS_TO_RECOGNISE:
                    break
                shape = recognise(row)
                if shape is None:
                    continue
            _note_person(row, people)
            end = end_time_ms(shape, row)
            if end is not None:
                first = end if first is None or end < first else first
                last = end if last is None or end > last else last
    if rows and shape is None:
        raise NotAnExportError(
            "its rows are none of a Spotify export: they have neither ts and ms_played (extended "
            "streaming history) nor endTime and trackName (account data)"
        )
    return CheckedFile(file, reader.digest, shape, rows, first, last)


def _note_person(row: object, people: set[str]) -> None:
    if isinstance(row, dict):
        name = row.get("username")
        if isinstance(name, str) and name:
            people.add(name)


class _Digesting:
    """Reads a file and digests what was read.

    The digest is keyed by the account, so that the same file under another account is another
    source, and a cursor's name tells nothing of the account.
    """

    def __init__(self, file: BinaryIO, account: str, progress: Progress) -> None:
        self._file = file
        self._progress = progress
        key = hashlib.blake2b(account.encode(), digest_size=32).digest()
        self._digest = hashlib.blake2b(digest_size=16, key=key)

    def read(self, size: int) -> bytes:
        chunk = self._file.read(size)
        self._digest.update(chunk)
        self._progress(len(chunk))
        return chunk

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()
