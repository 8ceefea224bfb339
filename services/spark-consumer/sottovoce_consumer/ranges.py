"""Ranges of a log, and how they are shared out among tasks."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

type ShardRef = tuple[str, int]
"""A data set's name and a shard of it."""

_TASK_COST = 1_000
"""What a range costs besides its records, in records: waiting for the broker, rows of its own."""


@dataclass(frozen=True, slots=True)
class Range:
    """The offsets [from, through) of one shard's log."""

    data_set: str
    shard: int
    from_offset: int
    through_offset: int

    @property
    def size(self) -> int:
        """How many offsets it spans; control records take some of them."""
        return self.through_offset - self.from_offset


def limit_ends(
    starts: Mapping[ShardRef, int], ends: Mapping[ShardRef, int], limit: int
) -> dict[ShardRef, int]:
    """Return ends so that the ranges span `limit` offsets at most, or one for each that has any.

    Whoever has little gets all of it and the others share the rest evenly: so `live` never waits
    behind a large import of `history`.
    """
    lags = {ref: max(0, end - starts[ref]) for ref, end in ends.items()}
    left, taken = limit, dict.fromkeys(lags, 0)
    hungry = sorted((ref for ref, lag in lags.items() if lag), key=lambda ref: lags[ref])
    for place, ref in enumerate(hungry):
        taken[ref] = min(lags[ref], max(1, left // (len(hungry) - place)))
        left = max(0, left - taken[ref])
    return {ref: starts[ref] + taken[ref] for ref in lags}


def split(span: Range, most: int) -> list[Range]:
    """Cut a range into pieces of about equal size, each of at most `most` offsets."""
    pieces = max(1, -(-span.size // most))
    cuts = [span.from_offset + span.size * piece // pieces for piece in range(pieces + 1)]
    return [Range(span.data_set, span.shard, start, end) for start, end in itertools.pairwise(cuts)]


def share_out(
    ranges: Iterable[Range],
    *,
    most: int,
    workers: int,
    whole: frozenset[str] = frozenset(),
) -> list[tuple[Range, ...]]:
    """Share ranges out among tasks; the ranges of one task are of one data set.

    Few records make few tasks, since a task costs more than reading some thousand records does.

    Args:
        ranges: those that have anything in them.
        most: offsets that one task should read at most; larger ranges are cut.
        workers: how many tasks can run at once.
        whole: data sets whose ranges must not be cut.
    """
    by_data_set: dict[str, list[Range]] = {}
    for span in ranges:
        pieces = [span] if span.data_set in whole else split(span, most)
        by_data_set.setdefault(span.data_set, []).extend(pieces)
    tasks: list[tuple[Range, ...]] = []
    for pieces in by_data_set.values():
        total = sum(piece.size for piece in pieces)
        few = min(workers, -(-total // (16 * _TASK_COST)))
        tasks.extend(_bins(pieces, max(1, few, -(-total // most))))
    return tasks


def _bins(pieces: Sequence[Range], count: int) -> list[tuple[Range, ...]]:
    """Share pieces out, the largest first, each to whoever has the least."""
    bins: list[list[Range]] = [[] for _ in range(min(count, len(pieces)))]
    loads = [0] * len(bins)
    for piece in sorted(pieces, key=lambda each: -each.size):
        least = loads.index(min(loads))
        bins[least].append(piece)
        loads[least] += piece.size + _TASK_COST
    return [tuple(each) for each in bins]
