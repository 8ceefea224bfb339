from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sottovoce_consumer.ranges import Range, limit_ends, share_out, split

lags = st.dictionaries(
    st.tuples(st.sampled_from(["live", "history"]), st.integers(0, 15)), st.integers(0, 10_000)
)


@given(lags, st.integers(1, 5_000))
def test_a_cap_leaves_every_shard_that_has_anything_something(lags, limit):
    starts = dict.fromkeys(lags, 100)
    ends = limit_ends(starts, {ref: 100 + lag for ref, lag in lags.items()}, limit)
    taken = {ref: end - 100 for ref, end in ends.items()}
    assert sum(taken.values()) <= limit + len(lags)
    for ref, lag in lags.items():
        assert (0 < taken[ref] <= lag) if lag else taken[ref] == 0


def test_whoever_is_little_behind_does_not_wait_for_who_is_far_behind():
    starts = {("live", 0): 0, ("history", 0): 0, ("history", 1): 0}
    ends = {("live", 0): 200, ("history", 0): 10_000_000, ("history", 1): 500_000}
    assert limit_ends(starts, ends, 100_000) == {
        ("live", 0): 200,
        ("history", 0): 49_900,
        ("history", 1): 49_900,
    }


@given(st.integers(0, 10_000), st.integers(1, 10_000), st.integers(1, 3_000))
def test_a_split_range_is_covered_once(start, size, most):
    pieces = split(Range("live", 3, start, start + size), most)
    assert all(0 < piece.size <= most for piece in pieces)
    covered = [
        offset for piece in pieces for offset in range(piece.from_offset, piece.through_offset)
    ]
    assert covered == list(range(start, start + size))


@given(lags, st.integers(500, 5_000), st.integers(1, 8))
def test_tasks_cover_all_ranges_and_stay_within_one_data_set(lags, most, workers):
    ranges = [Range(*ref, 7, 7 + lag) for ref, lag in lags.items() if lag]
    tasks = share_out(ranges, most=most, workers=workers, whole=frozenset({"history"}))
    covered = sorted(
        (span.data_set, span.shard, span.from_offset, span.through_offset)
        for task in tasks
        for span in task
    )
    for name, shard, size in ((*ref, lag) for ref, lag in lags.items() if lag):
        mine = [each for each in covered if each[:2] == (name, shard)]
        assert mine[0][2] == 7
        assert mine[-1][3] == 7 + size
        assert all(left[3] == right[2] for left, right in itertools.pairwise(mine))
        assert name != "history" or len(mine) == 1
    assert all(len({span.data_set for span in task}) == 1 for task in tasks)


def test_few_records_make_one_task():
    ranges = [Range("live", shard, 0, 12) for shard in range(16)]
    assert len(share_out(ranges, most=250_000, workers=8)) == 1
