"""Who is who: accounts to pseudonyms, encrypted, and known to nobody but the producer.

An account is found by HMAC-SHA-256 under one key of the vault; what is kept of it is sealed with
AES-256-GCM under another, bound to its place by the record's key as associated data.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.errors import VaultError

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_SEED_PERSON: Final = b"sv-pseudonym"

type Pseudonym = tuple[int, int]
"""The high and the low 64 bits."""

type PseudonymMaker = Callable[[str], Pseudonym]


def random_pseudonym(_: str) -> Pseudonym:
    """Return 128 random bits, whoever it is."""
    return secrets.randbits(64), secrets.randbits(64)


def seeded_pseudonyms(seed: str) -> PseudonymMaker:
    """Return a maker of pseudonyms that are a keyed hash of the account: for tests only.

    Unsafe elsewhere: whoever knows the seed can tell from an account its pseudonym, and an
    erasure could not be followed by a new one.
    """

    def make(account: str) -> Pseudonym:
        digest = hashlib.blake2b(
            account.encode(), digest_size=16, key=seed.encode()[:64], person=_SEED_PERSON
        ).digest()
        return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")

    return make


@dataclass(frozen=True, slots=True)
class VaultKey:
    """The vault's keys: made once, kept outside Kafka.

    Attributes:
        key_id: its public name, which entries repeat.
        lookup: 32 bytes, under which accounts are found.
        sealing: 32 bytes, under which entries are encrypted.
    """

    key_id: str
    lookup: bytes = field(repr=False)
    sealing: bytes = field(repr=False)

    @classmethod
    def create(cls) -> VaultKey:
        """Draw a new one."""
        return cls(
            secrets.token_hex(4), secrets.token_bytes(KEY_BYTES), secrets.token_bytes(KEY_BYTES)
        )

    def save(self, path: Path) -> None:
        """Write it to a new file that only its owner can read.

        Raises:
            VaultError: the file is there already, or its folder can't be written.
        """
        content = {
            "key_id": self.key_id,
            "lookup": base64.b64encode(self.lookup).decode(),
            "sealing": base64.b64encode(self.sealing).decode(),
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise VaultError(
                f"{path} is there already: a vault key is never overwritten, because without it "
                "no pseudonym of its vault can be read again"
            ) from None
        except OSError as error:
            raise VaultError(f"vault key {path} can't be written: {error.strerror}") from error
        with os.fdopen(handle, "w") as file:
            json.dump(content, file)
            file.write("\n")

    @classmethod
    def load(cls, path: Path) -> VaultKey:
        """Read it from a file.

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
            key = cls(
                str(content["key_id"]),
                base64.b64decode(content["lookup"], validate=True),
                base64.b64decode(content["sealing"], validate=True),
            )
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise VaultError(f"{path} is no vault key: it needs key_id, lookup, sealing") from error
        if len(key.lookup) != KEY_BYTES or len(key.sealing) != KEY_BYTES:
            raise VaultError(f"{path} is no vault key: its keys must have {KEY_BYTES} bytes each")
        return key


class Vault:
    """Seals and opens entries; keeps nothing.

    Args:
        key: the vault's keys.
    """

    def __init__(self, key: VaultKey) -> None:
        self._key = key
        self._cipher = AESGCM(key.sealing)

    def record_key(self, account: str) -> bytes:
        """Return the key of an account's record: 32 bytes that tell nothing without the vault's."""
        return hmac.digest(self._key.lookup, account.encode(), "sha256")

    def seal(self, record_key: bytes, entry: producer_pb2.VaultEntry) -> bytes:
        """Return the record's value."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = producer_pb2.SealedVaultEntry(
            key_id=self._key.key_id,
            nonce=nonce,
            ciphertext=self._cipher.encrypt(nonce, entry.SerializeToString(), record_key),
        )
        return sealed.SerializeToString()

    def open(self, record_key: bytes, value: bytes) -> producer_pb2.VaultEntry:
        """Read a record's value.

        Raises:
            VaultError: sealed under another key, moved from another record, or tampered with.
        """
        sealed = producer_pb2.SealedVaultEntry.FromString(value)
        if sealed.key_id != self._key.key_id:
            raise VaultError(
                f"an entry of the vault was sealed under the key {sealed.key_id!r}, but this is "
                f"the key {self._key.key_id!r}: give the vault_key_file that made this vault"
            )
        try:
            plain = self._cipher.decrypt(sealed.nonce, sealed.ciphertext, record_key)
        except (InvalidTag, ValueError) as error:
            raise VaultError(
                f"an entry of the vault under the key {sealed.key_id!r} does not open: it was "
                "changed or moved, or the key file holds another secret under that id"
            ) from error
        return producer_pb2.VaultEntry.FromString(plain)


def writer_of(record_key: bytes, writers: int) -> int:
    """Return which of the writers owns the account of a vault record."""
    return int.from_bytes(record_key[:8], "big") % writers
