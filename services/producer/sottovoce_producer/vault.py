"""Who is who: accounts to pseudonyms, encrypted, and known to nobody but the producer.

An account is found by HMAC-SHA-256 under one key of the vault; what is kept of it is sealed with
AES-256-GCM under another, bound to its place by the record's key as associated data.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.errors import VaultError
from sottovoce_producer.vault_keys import VaultKeys

_NONCE_BYTES: Final = 12
_SEED_PERSON: Final = b"sv-pseudonym"
_NOBODY_PERSON: Final = b"sv-nobody"
_TRACE_PERSON: Final = b"sv-trace"
_LABEL_BYTES: Final = 6

type Pseudonym = tuple[int, int]
"""The high and the low 64 bits."""

type PseudonymMaker = Callable[[str], Pseudonym]


def random_pseudonym(_: str) -> Pseudonym:
    """Return 128 random bits, whoever it is."""
    return secrets.randbits(64), secrets.randbits(64)


def seeded_pseudonyms(seed: str) -> PseudonymMaker:
    """Return a maker of pseudonyms that are a keyed hash of the account: for tests only.

    Unsafe elsewhere: whoever knows the seed can tell from an account its pseudonym, and who comes
    back after an erasure gets the erased one again.
    """

    def make(account: str) -> Pseudonym:
        return _pseudonym_from(account, seed.encode()[:64], _SEED_PERSON)

    return make


def _pseudonym_from(account: str, key: bytes, person: bytes) -> Pseudonym:
    digest = hashlib.blake2b(account.encode(), digest_size=16, key=key, person=person).digest()
    return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")


def pseudonym_bytes(pseudonym: Pseudonym) -> bytes:
    """Return a pseudonym as the 16 big-endian bytes that keys of records have."""
    high, low = pseudonym
    return high.to_bytes(8, "big") + low.to_bytes(8, "big")


class Vault:
    """Seals and opens entries; keeps none.

    Args:
        keys: the vault's keys.
    """

    def __init__(self, keys: VaultKeys) -> None:
        self._lookup = keys.lookup
        self.use(keys)

    def use(self, keys: VaultKeys) -> None:
        """Seal and open with other keys of the same vault from now on."""
        self._current_id = keys.current.key_id
        self._ciphers = {each.key_id: AESGCM(each.secret) for each in keys.sealing}

    @property
    def current_id(self) -> str:
        """The name of the key that seals."""
        return self._current_id

    def record_key(self, account: str) -> bytes:
        """Return the key of an account's record: 32 bytes that tell nothing without the vault's."""
        return hmac.digest(self._lookup, account.encode(), "sha256")

    def nobody(self, account: str) -> Pseudonym:
        """Return a pseudonym that no listener has: what is told of an account that is unknown.

        It is always the same for the same account, so asking again tells nothing either.
        """
        return _pseudonym_from(account, self._lookup, _NOBODY_PERSON)

    def trace(self, pseudonym: Pseudonym) -> bytes:
        """Return a keyed hash by which a pseudonym can be found where it must not be named."""
        return hashlib.blake2b(
            pseudonym_bytes(pseudonym), digest_size=32, key=self._lookup, person=_TRACE_PERSON
        ).digest()

    def seal(self, record_key: bytes, entry: producer_pb2.VaultEntry) -> bytes:
        """Return the record's value, under the current key."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[self._current_id]
        sealed = producer_pb2.SealedVaultEntry(
            key_id=self._current_id,
            nonce=nonce,
            ciphertext=cipher.encrypt(nonce, entry.SerializeToString(), record_key),
        )
        return sealed.SerializeToString()

    def open(self, record_key: bytes, value: bytes) -> producer_pb2.VaultEntry:
        """Read a record's value.

        Raises:
            VaultError: sealed under another key, moved from another record, or tampered with.
        """
        sealed = producer_pb2.SealedVaultEntry.FromString(value)
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            held = ", ".join(map(repr, self._ciphers))
            raise VaultError(
                f"an entry of the vault was sealed under the key {sealed.key_id!r}, but the key "
                f"file holds {held}: give the vault_key_file of this vault, with that key in it"
            )
        try:
            plain = cipher.decrypt(sealed.nonce, sealed.ciphertext, record_key)
        except (InvalidTag, ValueError) as error:
            raise VaultError(
                f"an entry of the vault under the key {sealed.key_id!r} does not open: it was "
                "changed or moved, or the key file holds another secret under that id"
            ) from error
        return producer_pb2.VaultEntry.FromString(plain)


def key_of(value: bytes) -> str:
    """Return the name of the key that a record's value is sealed under."""
    return producer_pb2.SealedVaultEntry.FromString(value).key_id


def writer_of(record_key: bytes, writers: int) -> int:
    """Return which of the writers owns the account of a vault record."""
    return int.from_bytes(record_key[:8], "big") % writers


def account_label(record_key: bytes) -> str:
    """Return what an account is called outside the vault: tells nothing without its key."""
    return record_key[:_LABEL_BYTES].hex()


def account_source(label: str) -> str:
    """Return the name of the source that tells the plays of one connected account."""
    return f"spotify:{label}"
