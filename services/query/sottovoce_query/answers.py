"""Answers that were given before: the same bytes asked, the same bytes answered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

_ENTRY_BYTES: Final = 300


class Answers:
    """Keeps serialised answers, the one not asked for longest goes first. For one thread.

    An answer holds as long as its stamp is that of the sources: a complete range hardly ever
    changes, and when it does, the stamp has grown.

    Args:
        max_bytes: how much is kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: OrderedDict[tuple[str, bytes], tuple[Hashable, str, bytes]] = OrderedDict()
        self.bytes_held = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, method: str, question: bytes) -> tuple[Hashable, str, bytes] | None:
        """Return the stamp, the data set and the answer of a question."""
        key = method, question
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
        return found

    def put(
        self, method: str, question: bytes, stamp: Hashable, data_set: str, answer: bytes
    ) -> None:
        """Keep an answer."""
        self.drop(method, question)
        size = _size(question, answer)
        if size > self._max_bytes:
            return
        self._held[method, question] = stamp, data_set, answer
        self.bytes_held += size
        while self.bytes_held > self._max_bytes:
            (_, oldest), (_, _, gone) = self._held.popitem(last=False)
            self.bytes_held -= _size(oldest, gone)

    def drop(self, method: str, question: bytes) -> None:
        """Let go of an answer."""
        gone = self._held.pop((method, question), None)
        if gone is not None:
            self.bytes_held -= _size(question, gone[2])


def _size(question: bytes, answer: bytes) -> int:
    return len(question) + len(answer) + _ENTRY_BYTES
