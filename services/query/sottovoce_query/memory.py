"""What the C library does with memory that was freed; nothing where it is not glibc."""

from __future__ import annotations

import ctypes
from typing import Final

_ARENA_MAX: Final = -8
"""`M_ARENA_MAX` of glibc's malloc.h."""


def share_one_arena() -> None:
    """Let all threads allocate from one place; call it before there are any.

    By default each thread gets an arena, and keeps what it freed there from the others: reading the
    log, merging and answering would each hold what they once needed at most.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)


def give_memory_back() -> None:
    """Hand freed memory back to the system: a merge frees much at once."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
