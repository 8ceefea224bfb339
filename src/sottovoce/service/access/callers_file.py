"""The file of callers: read again when it changes, written as a whole."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sottovoce.service.access.callers import Callers
from sottovoce.service.access.errors import CallersFileError
from sottovoce.service.access.rates import NO_LIMIT, Limit
from sottovoce.service.logging import get_logger

LOOK_SECONDS: Final = 1.0
"""How long a change may go unseen."""

type Signature = tuple[int, int, int, int]


def read_callers(path: Path, limit: Limit = NO_LIMIT) -> Callers:
    """Read a file of callers.

    Args:
        path: the file.
        limit: how often a caller may call whose entry says nothing of it.

    Raises:
        CallersFileError: it can't be read, or is none.
    """
    try:
        return Callers.from_json(path.read_text(encoding="utf-8"), limit)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise CallersFileError(f"access_file {path} can't be read ({why})") from error
    except CallersFileError as error:
        raise CallersFileError(f"access_file {path} is no file of callers: {error}") from None


def write_callers(path: Path, callers: Callers) -> None:
    """Write a file of callers, for its owner alone; a reader sees the old one or the new one.

    Raises:
        CallersFileError: it can't be written.
    """
    try:
        number, written = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(callers.to_json())
            Path(written).replace(path)
        except BaseException:
            Path(written).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CallersFileError(f"{path} can't be written ({error.strerror})") from error


class CallersFile:
    """The callers as the file has them now, give or take `LOOK_SECONDS`. Any thread may use it.

    A file that becomes unreadable or malformed changes nothing, is logged once, and shows in
    `broken`.

    Args:
        path: the file; may be a link that is switched over, as in a Kubernetes Secret.
        limit: how often a caller may call whose entry says nothing of it.
        monotonic: seconds of a clock that never goes back.

    Attributes:
        broken: whether what is used is older than the file.

    Raises:
        CallersFileError: there is no good one to begin with.
    """

    def __init__(
        self, path: Path, limit: Limit, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._limit = limit
        self._monotonic = monotonic
        self._signature = self._sign()
        self._callers = read_callers(path, limit)
        self._look_at = monotonic() + LOOK_SECONDS
        self.broken = False

    def current(self) -> Callers:
        """Return the callers."""
        now = self._monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._look()
        return self._callers

    def _look(self) -> None:
        signature = self._sign()
        if signature == self._signature:
            return
        try:
            callers = read_callers(self._path, self._limit)
        except CallersFileError as error:
            self.broken = True
            get_logger().error("the callers known before stay", reason=str(error))
        else:
            self._callers = callers
            self.broken = False
            get_logger().info("callers were read again", entries=len(callers.entries))
        self._signature = signature

    def _sign(self) -> Signature | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
