"""Rows of (group, key, counters): sorting them and adding up those of the same group and key."""

import numpy as np
from numpy.typing import NDArray

from sottovoce.sketches.errors import SketchError
from sottovoce.sketches.hashing import Words

type Groups = NDArray[np.uint32]
type Counts = NDArray[np.int64]
type Rows = tuple[Groups, Words, Counts]

_MAX_COUNT = (1 << 63) - 1


def run_begins(changes: NDArray[np.bool_], rows: int) -> NDArray[np.intp]:
    """Where runs of equal rows begin, given where a row differs from the one before it."""
    return np.concatenate(([0] if rows else [], np.flatnonzero(changes) + 1)).astype(np.intp)


def sum_runs(counts: Counts, begins: NDArray[np.intp]) -> Counts:
    """The sum of each run of rows."""
    if not len(begins):
        return counts[:0]
    if int(counts.max()) * len(counts) > _MAX_COUNT:  # a run may pass it: look closer
        rough = np.add.reduceat(counts.astype(np.float64), begins, axis=0)
        if rough.max() >= _MAX_COUNT:
            raise SketchError("a count grew beyond 2^63 - 1")
    sums: Counts = np.add.reduceat(counts, begins, axis=0)
    return sums


def stable_order(values: NDArray[np.integer]) -> NDArray[np.intp]:
    """The stable order of integers: soon where they lie close together."""
    if len(values) and int(values.max()) - int(values.min()) < 1 << 16:
        values = (values - values.min()).astype(np.uint16)  # which numpy sorts by radix
    return np.argsort(values, kind="stable")


def find_sorted(
    ascending: NDArray[np.generic], wanted: NDArray[np.generic]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where values stand among distinct ascending ones, and whether they do; else any place."""
    if not len(ascending):
        return np.zeros(wanted.shape, np.intp), np.zeros(wanted.shape, np.bool_)
    places = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return places, ascending[places] == wanted


def aggregate(groups: Groups, keys: Words, counts: Counts) -> Rows:
    """Sorts rows by group and key and adds up those of the same; drops those that are all 0."""
    order = np.argsort(keys, kind="stable")
    order = order[stable_order(groups[order])]
    group, key, count = groups[order], keys[order], counts[order]
    changes = (key[1:] != key[:-1]) | (group[1:] != group[:-1])
    if not changes.all():
        begins = run_begins(changes, len(key))
        group, key, count = group[begins], key[begins], sum_runs(count, begins)
    kept = count.any(axis=1)
    if not kept.all():
        group, key, count = group[kept], key[kept], count[kept]
    return group, key, count
