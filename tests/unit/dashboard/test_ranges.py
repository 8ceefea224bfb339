from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.dashboard.made_up import DAY, HOUR, MINUTE, NOON, SECOND, history, live

from sottovoce.client import TimeRange
from sottovoce_dashboard import ranges
from sottovoce_dashboard.ranges import EVERYTHING, Choice


def test_what_is_held_ends_on_the_grain_with_what_is_complete():
    assert ranges.extent(live(), "pane").end == NOON + 14 * SECOND
    assert ranges.extent(live(), "slice").end == NOON


def test_what_is_held_ends_with_the_last_slice_that_has_a_listen():
    known = history()
    assert ranges.extent(known, "pane").end == known.last_slice + DAY


@pytest.mark.parametrize("missing", ["complete_through", "first_slice", "last_slice"])
def test_before_anything_is_complete_there_is_no_range(missing):
    assert ranges.extent(live(**{missing: None}), "pane") is None
    assert ranges.resolve(EVERYTHING, live(**{missing: None}), "pane") is None


def test_nothing_is_complete_of_a_first_slice_that_has_just_begun():
    known = live(first_slice=NOON, complete_through=NOON + 14 * SECOND)
    assert ranges.resolve(EVERYTHING, known, "slice") is None
    assert ranges.resolve(EVERYTHING, known, "pane") is not None


def test_choices_fit_the_grain_and_end_with_everything():
    offered = ranges.choices(live(), "slice")
    assert [str(each) for each in offered] == ["Last 30 seconds", "Last 2 minutes", "Everything"]
    assert str(ranges.choices(live(), "pane")[0]) == "Last 10 seconds"
    assert str(ranges.choices(history(), "slice")[0]) == "Last 1 day"


def test_the_first_choice_is_long_enough_to_be_a_picture():
    assert str(ranges.default_choice(live(), "pane", 4)) == "Last 2 minutes"


def test_where_little_is_held_the_first_choice_has_its_like_before_it():
    assert str(ranges.default_choice(live(), "pane", 100)) == "Last 2 minutes"
    young = live(first_slice=NOON - 30 * SECOND)
    assert str(ranges.default_choice(young, "pane", 4)) == "Last 10 seconds"
    assert ranges.default_choice(young, "slice", 4) == EVERYTHING


def test_two_times_of_the_readers_own_are_widened_to_the_grain_in_either_order():
    choice = Choice(between=(NOON - MINUTE + SECOND, NOON - 3 * MINUTE + SECOND))
    asked = ranges.resolve(choice, live(), "slice")
    assert asked == TimeRange(NOON - 3 * MINUTE, NOON - MINUTE + 30 * SECOND)


def test_two_times_outside_what_is_held_are_no_range():
    assert ranges.resolve(Choice(between=(NOON + HOUR, NOON + DAY)), live(), "pane") is None


@given(
    st.integers(0, 10_000), st.integers(0, 600), st.sampled_from(["pane", "slice"]),
    st.none() | st.integers(1, 20_000), st.none() | st.tuples(st.integers(), st.integers()),
)  # fmt: skip
def test_every_range_is_one_the_service_answers(held, open_seconds, grain, length, times):
    known = live(
        first_slice=NOON - held // 30 * 30 * SECOND,
        complete_through=NOON + open_seconds // 2 * 2 * SECOND,
        last_slice=NOON + open_seconds // 30 * 30 * SECOND,
    )
    between = times and tuple(NOON + each % 20_000 * SECOND - 10_000 * SECOND for each in times)
    choice = Choice(None if length is None else length * SECOND, between)
    asked = ranges.resolve(choice, known, grain)
    if asked is not None:
        step = ranges.step(known, grain)
        assert known.first_slice <= asked.start < asked.end <= known.complete_through
        assert not asked.start.timestamp() % step.total_seconds()
        assert not asked.end.timestamp() % step.total_seconds()


def test_the_range_before_is_as_long_or_there_is_none():
    asked = TimeRange(NOON - 2 * MINUTE, NOON)
    assert ranges.before(asked, live()) == TimeRange(NOON - 4 * MINUTE, NOON - 2 * MINUTE)
    assert ranges.before(TimeRange(NOON - 6 * MINUTE, NOON), live()) is None


def test_groups_are_equal_whole_and_end_with_the_range():
    parts = ranges.grouped(TimeRange(NOON, NOON + 10 * MINUTE), 30 * SECOND, 8)
    assert {each.length for each in parts} == {90 * SECOND}
    assert parts[-1].end == NOON + 10 * MINUTE
    assert all(a.end == b.start for a, b in pairwise(parts))
    assert len(parts) == 6


def test_slices_that_lie_wholly_in_a_range():
    asked = TimeRange(NOON + SECOND, NOON + 100 * SECOND)
    assert ranges.whole_slices(asked, live()) == TimeRange(NOON + 30 * SECOND, NOON + 90 * SECOND)


@pytest.mark.parametrize("known", [live(), history(), live(complete_through=None)])
def test_windows_are_whole_panes_up_to_what_is_held_or_thirty_days(known):
    offered = ranges.windows(known)
    assert offered == sorted(set(offered))
    assert offered[0] == known.pane
    assert all(not each % known.pane for each in offered)
    assert offered[-1] <= timedelta(days=30)
    if known.name == "history":
        assert offered[-1] == timedelta(days=30)
