"""Bearer tokens: 256 random bits, known to their bearer alone."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

PREFIX: Final = "sv_"
"""Lets scanners of leaked secrets, and people, see what it is."""
_BYTES: Final = 32


def new_token() -> str:
    """Return a token; nobody but its bearer keeps it."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def token_hash(token: str) -> str:
    """Return what is kept of a token: its SHA-256, in hexadecimal.

    A slow, salted hash protects what people choose, because that can be guessed. A token is drawn
    from 2^256 and can't; a fast hash hides it as well, and costs a call nothing.
    """
    return hashlib.sha256(token.encode()).hexdigest()
