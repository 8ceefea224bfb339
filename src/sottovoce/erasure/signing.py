"""Keys that sign certificates: Ed25519, the private one in a file that only its owner can read."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sottovoce.erasure.errors import CertificateError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

_KEY_ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """The public half."""

    key: Ed25519PublicKey

    @property
    def key_id(self) -> str:
        """Its name: the beginning of the SHA-256 of its 32 bytes, in hexadecimal digits."""
        return hashlib.sha256(self.key.public_bytes_raw()).hexdigest()[:_KEY_ID_DIGITS]

    def is_signed(self, statement: bytes, signature: bytes) -> bool:
        """Return whether a statement was signed by the private half."""
        from cryptography.exceptions import InvalidSignature

        try:
            self.key.verify(signature, statement)
        except InvalidSignature:
            return False
        return True

    @classmethod
    def load(cls, path: Path) -> VerifyingKey:
        """Read a PEM file, of either half.

        Raises:
            CertificateError: it can't be read, or is no such key.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        text = _read(path)
        if b"PRIVATE KEY" in text:
            return SigningKey.load(path).verifying
        try:
            key = load_pem_public_key(text)
        except ValueError:
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise CertificateError(f"{path} is no Ed25519 public key in PEM")
        return cls(key)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private half."""

    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def create(cls) -> SigningKey:
        """Draw a new one."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate())

    @property
    def verifying(self) -> VerifyingKey:
        """The public half."""
        return VerifyingKey(self.key.public_key())

    def sign(self, statement: bytes) -> bytes:
        """Return the signature of a statement."""
        return self.key.sign(statement)

    def save(self, path: Path) -> Path:
        """Write it to a new file, and its public half beside it with `.pub` at the end.

        Returns:
            The path of the public half.

        Raises:
            CertificateError: a file is there already, or the folder can't be written.
        """
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
            PublicFormat,
        )

        private = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        beside = path.with_name(f"{path.name}.pub")
        _write(path, private, 0o600)
        _write(beside, public, 0o644)
        return beside

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """Read what `save` wrote.

        Raises:
            CertificateError: it can't be read, others can read it, or it is no such key.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        text = _read(path)
        if path.stat().st_mode & 0o007:
            raise CertificateError(f"the key {path} can be read by anybody: chmod 600 {path}")
        try:
            key = load_pem_private_key(text, None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise CertificateError(f"{path} is no Ed25519 private key in PEM")
        return cls(key)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(
            f"the key {path} can't be read ({error.strerror}): `sottovoce erase key FILE` makes one"
        ) from error


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise CertificateError(
            f"{path} is there already: a key is never overwritten, because what it signed can be "
            "checked with it alone"
        ) from None
    except OSError as error:
        raise CertificateError(f"{path} can't be written: {error.strerror}") from error
    with os.fdopen(handle, "wb") as file:
        file.write(content)
