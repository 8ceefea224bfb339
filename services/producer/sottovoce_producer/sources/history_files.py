"""Where the files of an export lie: by themselves, in folders, in zips."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, cast

from sottovoce_producer.errors import SourceError

_PLAYS: Final = re.compile(
    r"(Streaming_?History|endsong)(?!_Video)(?:[_ ].*|\d.*|\(.*)?\.json", re.IGNORECASE
)
_VIDEOS: Final = re.compile(r"Streaming_?History_Video.*\.json", re.IGNORECASE)
_RESOURCE_FORKS: Final = "__MACOSX"
_ENCRYPTED: Final = 0x1


class ExportFileError(SourceError):
    """A file of an export can't be read."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file that should hold plays.

    Attributes:
        path: the file itself, or the zip that it lies in.
        member: its place in the zip; empty where it lies by itself.
        size: its uncompressed bytes.
    """

    path: Path
    member: str
    size: int

    @property
    def label(self) -> str:
        """What it is called in a message."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    @property
    def file_name(self) -> str:
        """The last part of its name."""
        return PurePosixPath(self.member).name if self.member else self.path.name

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it for reading.

        Raises:
            ExportFileError: it can't be opened, or what is read of it is damaged.
        """
        try:
            if not self.member:
                with self.path.open("rb") as file:
                    yield file
                return
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as part:
                yield cast("BinaryIO", part)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise ExportFileError(f"{self.label} is damaged: download the export again") from error
        except OSError as error:
            raise ExportFileError(f"{self.label} can't be read: {error.strerror}") from error


@dataclass(slots=True)
class FoundFiles:
    """What lies in the places that were named.

    Attributes:
        plays: files that should hold plays, by name.
        videos: how many files of videos were left out.
    """

    plays: list[ExportFile] = field(default_factory=list)
    videos: int = 0


def find_files(paths: Iterable[Path]) -> FoundFiles:
    """Return the files of exports: those named, and those in named folders and zips.

    In folders and zips, however deep, files are taken by the names that exports have; a file that
    is named itself is taken whatever it is called.

    Raises:
        ExportFileError: a path is not there, a zip is damaged or has a password, or none of the
            places holds any file of an export.
    """
    found = FoundFiles()
    places = list(paths)
    for path in places:
        if path.is_dir():
            for inner in sorted(each for each in path.rglob("*") if each.is_file()):
                if inner.suffix.lower() == ".zip":
                    _look_into_zip(inner, found)
                elif _RESOURCE_FORKS not in inner.parts:
                    _sort(found, inner.name, inner, "", _size(inner))
        elif path.suffix.lower() == ".zip" or _is_zip(path):
            _look_into_zip(path, found)
        else:
            found.plays.append(ExportFile(path, "", _size(path)))
    if not found.plays:
        named = ", ".join(map(str, places)) or "nothing"
        raise ExportFileError(
            f"no file of an export in {named}: looked for Streaming_History_Audio_*.json, "
            "endsong_*.json and StreamingHistory*.json"
        )
    found.plays.sort(key=lambda file: (str(file.path.parent), *_natural(file.label)))
    return found


def _sort(found: FoundFiles, name: str, path: Path, member: str, size: int) -> None:
    if _VIDEOS.fullmatch(name):
        found.videos += 1
    elif _PLAYS.fullmatch(name):
        found.plays.append(ExportFile(path, member, size))


def _look_into_zip(path: Path, found: FoundFiles) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise ExportFileError(
            f"{path} is no zip, or is cut short: download the export again"
        ) from error
    except OSError as error:
        raise ExportFileError(f"{path} can't be read: {error.strerror}") from error
    for member in members:
        place = PurePosixPath(member.filename)
        if member.is_dir() or _RESOURCE_FORKS in place.parts:
            continue
        before = len(found.plays)
        _sort(found, place.name, path, member.filename, member.file_size)
        if len(found.plays) > before and member.flag_bits & _ENCRYPTED:
            raise ExportFileError(f"{path} has a password: unpack it and name its folder")


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except OSError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise ExportFileError(f"{path} can't be read: {error.strerror}") from error


def _natural(text: str) -> list[str]:
    """Return a key under which part 10 stands behind part 9."""
    return [part.zfill(12) if part.isdigit() else part for part in re.split(r"(\d+)", text)]
