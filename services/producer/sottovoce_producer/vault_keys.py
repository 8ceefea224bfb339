"""The vault's keys and the file that holds them: one to find by, one to seal under, older to open.

Nothing in Kafka helps whoever lacks this file; whoever has it and the topic has everything.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from sottovoce_producer.errors import VaultError

KEY_BYTES: Final = 32
_ID_BYTES: Final = 4
_PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A key under which entries are encrypted.

    Attributes:
        key_id: its public name, which the entries under it repeat.
        secret: 32 bytes.
    """

    key_id: str
    secret: bytes = field(repr=False)

    @classmethod
    def create(cls) -> Self:
        """Draw a new one."""
        return cls(secrets.token_hex(_ID_BYTES), secrets.token_bytes(KEY_BYTES))


@dataclass(frozen=True, slots=True)
class VaultKeys:
    """All keys of a vault, kept outside Kafka.

    Attributes:
        lookup: 32 bytes, under which accounts are found; never changes.
        current: seals every entry that is written.
        older: open entries that were not sealed again yet, the newest first.
    """

    lookup: bytes = field(repr=False)
    current: SealingKey
    older: tuple[SealingKey, ...] = ()

    @classmethod
    def create(cls) -> Self:
        """Draw those of a new vault."""
        return cls(secrets.token_bytes(KEY_BYTES), SealingKey.create())

    @property
    def sealing(self) -> tuple[SealingKey, ...]:
        """Every key that opens entries, the current one first."""
        return self.current, *self.older

    def rotated(self) -> Self:
        """Return them with a new current key; the one before becomes the newest of the older."""
        return type(self)(self.lookup, SealingKey.create(), self.sealing)

    def retired(self) -> Self:
        """Return them without the older keys."""
        return type(self)(self.lookup, self.current)

    def save(self, path: Path) -> None:
        """Write them to a new file that only its owner can read.

        Raises:
            VaultError: the file is there already, or its folder can't be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._write_new(path)
        except FileExistsError:
            raise VaultError(
                f"{path} is there already: a vault key is never overwritten, because without it "
                "no pseudonym of its vault can be read again; `sottovoce-producer vault-key "
                f"rotate {path}` adds a new sealing key to it"
            ) from None
        except OSError as error:
            raise VaultError(f"vault key {path} can't be written: {error.strerror}") from error

    def replace(self, path: Path) -> None:
        """Put them in the place of what a file holds: after a crash it has either all or none.

        Raises:
            VaultError: somebody else is changing the file, or its folder can't be written.
        """
        new = path.with_name(f"{path.name}.new")
        try:
            self._write_new(new)
            new.replace(path)
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except FileExistsError:
            raise VaultError(
                f"{new} is there already: the key file is being changed by another process, or "
                "one was broken off; in that case delete it and try again"
            ) from None
        except OSError as error:
            raise VaultError(
                f"vault key {path} can't be replaced ({error.strerror}): where it comes from a "
                "Secret, change a copy and put that into the Secret"
            ) from error

    def _write_new(self, path: Path) -> None:
        content: dict[str, Any] = {"lookup": _text(self.lookup), **_as_json(self.current)}
        if self.older:
            content["older"] = [_as_json(each) for each in self.older]
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        with os.fdopen(handle, "w") as file:
            json.dump(content, file)
            file.write("\n")
            file.flush()
            os.fsync(handle)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read them from a file.

        Raises:
            VaultError: the file is missing, readable by others, or no vault key.
        """
        try:
            mode = path.stat().st_mode
            text = path.read_text()
        except OSError as error:
            raise VaultError(
                f"vault key {path} can't be read ({error.strerror}): "
                "`sottovoce-producer vault-key FILE` makes one"
            ) from error
        if mode & 0o007:
            raise VaultError(f"vault key {path} can be read by anybody: chmod 600 {path}")
        try:
            content = json.loads(text)
            older = tuple(map(_from_json, content.get("older", [])))
            keys = cls(_bytes(content["lookup"]), _from_json(content), older)
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
            # Not the chain either: it may repeat what the file holds.
            raise VaultError(f"{path} is no vault key: it needs key_id, lookup, sealing") from None
        if {len(keys.lookup), *(len(each.secret) for each in keys.sealing)} != {KEY_BYTES}:
            raise VaultError(f"{path} is no vault key: its keys must have {KEY_BYTES} bytes each")
        return keys


class KeyFile:
    """A vault's key file, read again when it was replaced.

    Args:
        path: the file.

    Raises:
        VaultError: it can't be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._look()
        self.keys = VaultKeys.load(path)

    def _look(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def changed(self) -> bool:
        """Read it again if it is another one than last time; return whether it is.

        Raises:
            VaultError: it can't be read, or is of another vault; `keys` stay as they were, and the
                next call does not complain again.
        """
        seen = self._look()
        if seen == self._seen:
            return False
        self._seen = seen
        keys = VaultKeys.load(self._path)
        if keys.lookup != self.keys.lookup:
            raise VaultError(f"{self._path} has become the key of another vault")
        self.keys = keys
        return True


def _text(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _as_json(key: SealingKey) -> dict[str, str]:
    return {"key_id": key.key_id, "sealing": _text(key.secret)}


def _from_json(content: dict[str, Any]) -> SealingKey:
    return SealingKey(str(content["key_id"]), _bytes(content["sealing"]))
