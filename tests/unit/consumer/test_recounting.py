"""What a rebuilding reads, and how often."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.consumer.erased_logs import (
    RULES,
    assert_equal,
    make_logs,
    never_saw,
    pseudonym_number,
)
from tests.unit.consumer.system_without_kafka import SystemWithoutKafka

from sottovoce.erasure.book import REBUILT
from sottovoce.wire.listens import shard_of
from sottovoce_consumer.ranges import Range
from sottovoce_consumer.recounting import in_groups, missing_of
from sottovoce_consumer.tasks import Found

SHARD = ("history", 3)

spans = st.tuples(st.integers(0, 30), st.integers(1, 12)).map(
    lambda drawn: Range(*SHARD, drawn[0], sum(drawn))
)
slices = st.frozensets(st.integers(0, 4))


def found_in(span, recounted):
    none = np.empty(0, np.int64)
    arrays = none, none, none, none, np.empty(0, np.uint8)
    return Found(span, *arrays, [], frozenset(), frozenset(), recounted=recounted)


def offsets(span):
    return range(span.from_offset, span.through_offset)


@given(
    st.dictionaries(st.integers(0, 4), st.lists(spans, max_size=3)),
    st.lists(st.tuples(spans, slices), max_size=4),
)
def test_what_is_missing_is_what_feeds_a_slice_and_was_not_counted(feeding, searched):
    missing = missing_of(feeding, [found_in(*each) for each in searched])
    wanted = {
        (start, offset)
        for start, mine in feeding.items()
        for span in mine
        for offset in offsets(span)
    }
    wanted -= {
        (start, offset) for span, mine in searched for start in mine for offset in offsets(span)
    }
    counted = [
        (start, offset)
        for span, mine in missing.items()
        for start in mine
        for offset in offsets(span)
    ]
    assert sorted(counted) == sorted(wanted)
    read = [offset for span in missing for offset in offsets(span)]
    assert len(read) == len(set(read))


def test_neighbours_that_lack_the_same_slices_are_one_range():
    feeding = {7: [Range(*SHARD, 0, 100)], 8: [Range(*SHARD, 0, 100)]}
    searched = [found_in(Range(*SHARD, at, at + 20), frozenset({8})) for at in (0, 20, 60)]
    assert missing_of(feeding, searched) == {
        Range(*SHARD, 0, 40): {7},
        Range(*SHARD, 40, 60): {7, 8},
        Range(*SHARD, 60, 80): {7},
        Range(*SHARD, 80, 100): {7, 8},
    }


def test_groups_are_as_large_as_they_may_be_and_keep_the_order():
    sizes = [3_000_000, 1_000_000, 1, 9_000_000, 2_000_000, 2_000_000]
    assert list(in_groups(sizes, lambda size: size)) == [
        [3_000_000, 1_000_000],
        [1],
        [9_000_000],
        [2_000_000, 2_000_000],
    ]


def rebuilt(at_once):
    """A system whose shard 0 or 1 was cleared of one listener, and the shard."""
    who = pseudonym_number(0)
    logs = make_logs("history", 3, 900, {who: 1.0})
    system = SystemWithoutKafka(RULES["history"].data_set, RULES["history"], logs, at_once=at_once)
    system.batch(10**6)
    request = system.ask(who)
    system.batch(10**6)
    system.replayed.clear()
    system.rebuilder.rebuild()
    shard = shard_of(who, system.data_set.shards)
    assert system.state(request, shard).step == REBUILT
    assert system.state(request, shard).cells
    assert_equal(system, never_saw("history", logs, {who}))
    return [span for span in system.replayed if span.shard == shard], system.end(shard)


def test_what_a_listener_is_all_over_is_read_once():
    read, end = rebuilt(at_once=(100, 250))
    assert sum(span.size for span in read) <= end
    assert len(read) > 1


def test_where_a_listener_is_not_in_every_slice_of_every_range_some_are_read_again():
    read, end = rebuilt(at_once=(5, 17))
    assert end < sum(span.size for span in read) < 2 * end
