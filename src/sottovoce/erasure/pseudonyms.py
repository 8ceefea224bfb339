"""Pseudonyms as people type them and as records hold them."""

from __future__ import annotations

from typing import Final

from sottovoce.erasure.errors import ErasureError

PSEUDONYM_BYTES: Final = 16


def parse_pseudonym(text: str) -> bytes:
    """Read a pseudonym of 32 hexadecimal digits.

    Raises:
        ErasureError: it is none. What was given is not repeated: it may be an account's name.
    """
    try:
        pseudonym = bytes.fromhex(text)
    except ValueError:
        pseudonym = b""
    if len(pseudonym) != PSEUDONYM_BYTES or len(text) != 2 * PSEUDONYM_BYTES:
        raise ErasureError(
            f"a pseudonym is 32 hexadecimal digits, and {len(text)} characters were given that "
            "are not"
        )
    return pseudonym


def pseudonym_of(high: int, low: int) -> bytes:
    """Return the 16 big-endian bytes of a pseudonym."""
    return high.to_bytes(8, "big") + low.to_bytes(8, "big")


def halves_of(pseudonym: bytes) -> tuple[int, int]:
    """Return the high and the low 64 bits of a pseudonym."""
    return int.from_bytes(pseudonym[:8], "big"), int.from_bytes(pseudonym[8:], "big")
