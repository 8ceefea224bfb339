"""How much one transaction folds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class FoldBudget:
    """What one transaction may still fold: listens wait meanwhile.

    A fold costs as much as its cell is large, and the cells of all shards are due at about one
    time, so it is their bytes that are shared out over batches.

    Attributes:
        cells: how many cells.
        size: how many bytes; the last cell may go beyond, so that the largest gets its turn.
    """

    cells: int
    size: int

    def take(self, size: int) -> bool:
        """Return whether a cell of so many bytes may be folded; if so, that is taken off."""
        if self.cells <= 0 or self.size <= 0:
            return False
        self.cells -= 1
        self.size -= size
        return True


def no_folds() -> FoldBudget:
    """Return the budget of a transaction that folds nothing."""
    return FoldBudget(0, 0)
