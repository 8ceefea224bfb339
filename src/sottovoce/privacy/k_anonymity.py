"""Real rows, only where enough listeners share all that could point at one of them.

**Guarantee:** each row that is kept shares its quasi-identifiers, all of them together, with rows
of at least k distinct listeners, the row's own included, among the rows that are kept. This is
k-anonymity, no differential privacy: it says nothing against who knows the other k - 1, nor about
what is common to all k. Rows are kept or left by group, so the guarantee holds in what is kept.

**Source:** Sweeney, "k-anonymity: a model for protecting privacy", IJUFKS 10 (2002), definition 3;
Ganta, Kasiviswanathan & Smith, KDD 2008, for what it does not give.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sottovoce.privacy.errors import PrivacyParameterError


def k_anonymous_rows(
    quasi_identifiers: Sequence[NDArray[np.generic]],
    listeners: Sequence[NDArray[np.generic]],
    k: int,
) -> NDArray[np.bool_]:
    """Which rows may be shown.

    Args:
        quasi_identifiers: columns, here track, genre, country and hour; all of one length.
        listeners: columns that name the listener, here the halves of the pseudonym.
        k: how many distinct listeners a row's group must have, at least 2.

    Returns:
        For each row whether it may be shown.
    """
    if k < 2:
        raise PrivacyParameterError(f"k must be at least 2, for 1 hides nobody: {k}")
    if not quasi_identifiers or not listeners:
        raise PrivacyParameterError("there must be a quasi-identifier and a listener column")
    lengths = {len(column) for column in (*quasi_identifiers, *listeners)}
    if len(lengths) != 1:
        raise PrivacyParameterError(f"columns differ in length: {sorted(lengths)}")
    if lengths == {0}:
        return np.zeros(0, dtype=np.bool_)
    group, groups = _numbered(quasi_identifiers)
    person, people = _numbered(listeners)
    pairs = np.unique(group * people + person)
    listeners_of = np.bincount(pairs // people, minlength=groups)
    return np.asarray(listeners_of[group] >= k)


def _numbered(columns: Sequence[NDArray[np.generic]]) -> tuple[NDArray[np.int64], int]:
    """For each row the number of its combination of values, and how many combinations there are."""
    number, count = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        values, place = np.unique(column, return_inverse=True)
        # Numbered anew after each column: a product of all counts could overflow.
        found, number = np.unique(number * len(values) + place, return_inverse=True)
        count = len(found)
    return number.astype(np.int64), count
