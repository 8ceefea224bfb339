"""What of a shard is counted anew: some of it while it is searched, what is missing after that."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sottovoce_consumer.ranges import Range
from sottovoce_consumer.rounds import Records, ShardRound
from sottovoce_consumer.tasks import Found

RECOUNT_AT_ONCE: Final = 4_000_000
"""Listens: what is counted of so many is held by the driver until it is committed."""


@dataclass(frozen=True, slots=True)
class Recount:
    """What is counted anew of a shard.

    Attributes:
        round: the shard, and who is erased from it.
        found: what the search found there, and counted already.
        records: the same, joined.
        slices: the starts of its cells.
        missing: of each range that feeds them, those that the search did not count in it.
    """

    round: ShardRound
    found: Sequence[Found]
    records: Records
    slices: list[int]
    missing: dict[Range, frozenset[int]]

    @property
    def size(self) -> int:
        """How many offsets are still to be read."""
        return size_of(self.missing)


def size_of(ranges: Iterable[Range]) -> int:
    """Return how many offsets some ranges span."""
    return sum(span.size for span in ranges)


def in_groups[Item](items: Sequence[Item], size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Yield shards that are read together: all cores have work, and the driver has room."""
    group: list[Item] = []
    total = 0
    for each in items:
        total += size(each)
        if group and total > RECOUNT_AT_ONCE:
            yield group
            group, total = [], size(each)
        group.append(each)
    yield group


def missing_of(
    feeding: Mapping[int, Sequence[Range]], found: Sequence[Found]
) -> dict[Range, frozenset[int]]:
    """Return which slices are still to be counted in which ranges, none of which overlap.

    Args:
        feeding: the ranges that feed each of a shard's slices.
        found: what was searched in the shard, and counted on the way.
    """
    spans = [*itertools.chain.from_iterable(feeding.values()), *(each.span for each in found)]
    cuts = sorted({cut for span in spans for cut in (span.from_offset, span.through_offset)})
    place = {cut: number for number, cut in enumerate(cuts)}
    wanted: list[set[int]] = [set() for _ in cuts]  # between each cut and the next
    for start, ranges in feeding.items():
        for span in ranges:
            for slices in wanted[place[span.from_offset] : place[span.through_offset]]:
                slices.add(start)
    for each in found:
        for slices in wanted[place[each.span.from_offset] : place[each.span.through_offset]]:
            slices.difference_update(each.recounted)
    missing = {}
    for slices, run in itertools.groupby(range(len(cuts)), wanted.__getitem__):
        places = list(run)
        if slices:
            first, end = cuts[places[0]], cuts[places[-1] + 1]
            missing[Range(spans[0].data_set, spans[0].shard, first, end)] = frozenset(slices)
    return missing
