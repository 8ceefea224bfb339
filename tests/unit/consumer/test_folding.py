"""Folds are shared out over batches by the bytes that they take in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sottovoce_consumer.folding import FoldBudget, no_folds


@given(st.lists(st.integers(1, 1_000)), st.integers(1, 10), st.integers(1, 2_000))
def test_a_transaction_folds_within_its_budget_and_one_cell_at_least(sizes, cells, size):
    budget = FoldBudget(cells, size)
    folded = [each for each in sizes if budget.take(each)]
    assert folded == sizes[: len(folded)]
    assert len(folded) <= cells
    assert sum(folded[:-1]) < size  # only the last may go beyond
    if sizes:
        assert folded
    if len(folded) < min(len(sizes), cells):
        assert sum(folded) >= size


def test_a_transaction_that_may_not_fold_folds_not_even_one():
    assert not no_folds().take(1)
