from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.dashboard.made_up import DAY, HOUR, MINUTE, NOON, SECOND, history, live

from sottovoce.client import Series, TimeRange
from sottovoce_dashboard import ranges
from sottovoce_dashboard.ranges import EVERYTHING, Choice


def test_what_is_held_ends_on_the_grain_with_what_is_complete():
    assert ranges.extent(live(), "pane").end == NOON + 14 * SECOND
    assert ranges.extent(live(), "slice").end == NOON


def test_rankings_end_with_the_last_step_of_theirs():
    assert ranges.extent(live(), "ranking").end == NOON + 10 * SECOND


@pytest.mark.parametrize("missing", ["complete_through", "first_slice"])
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
    assert str(ranges.choices(live(), "ranking")[0]) == "Last 10 seconds"


def test_everything_is_not_offered_of_a_past_of_decades():
    decades = history(first_slice=NOON.replace(hour=0) - 20_000 * DAY)
    offered = ranges.choices(decades, "slice")
    assert str(offered[-1]) == "Last 3650 days"
    assert ranges.default_choice(decades, "slice", 10_000) in offered


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
    st.integers(0, 10_000), st.integers(0, 600), st.sampled_from(["pane", "ranking", "slice"]),
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


@pytest.mark.parametrize(
    ("grain", "first", "last"), [("pane", 2, 100), ("ranking", 10, 100), ("slice", 30, 90)]
)
def test_what_lies_wholly_in_a_range_is_on_the_grain(grain, first, last):
    asked = TimeRange(NOON + SECOND, NOON + 101 * SECOND)
    inside = TimeRange(NOON + first * SECOND, NOON + last * SECOND)
    assert ranges.whole(asked, live(), grain) == inside


def test_a_range_that_holds_no_whole_slice_is_empty():
    assert not ranges.whole(TimeRange(NOON + SECOND, NOON + MINUTE / 2), live(), "slice").length


def test_the_newest_slices_are_whole_and_not_more_than_there_are():
    assert ranges.newest(live()) == TimeRange(NOON - 30 * SECOND, NOON)
    assert ranges.newest(live(), 100) == TimeRange(NOON - 10 * MINUTE, NOON)
    assert ranges.newest(live(complete_through=None)) is None


@pytest.mark.parametrize(
    ("series", "grain"),
    [(Series.all(), "pane"), (Series.genre("x"), "pane"), (Series.new_listeners(), "pane"),
     (Series.artist("x"), "ranking"), (Series.track("x"), "ranking")],
)  # fmt: skip
def test_series_of_tracks_and_artists_go_by_the_steps_of_rankings(series, grain):
    assert ranges.grain_of(series) == grain


@pytest.mark.parametrize("grain", ["pane", "ranking"])
@pytest.mark.parametrize("known", [live(), history(), live(complete_through=None)])
def test_windows_are_whole_steps_up_to_what_is_held_or_thirty_days(known, grain):
    offered = ranges.windows(known, grain)
    assert offered == sorted(set(offered))
    assert offered[0] == ranges.step(known, grain)
    assert all(not each % ranges.step(known, grain) for each in offered)
    assert offered[-1] <= timedelta(days=30)
    if known.name == "history":
        assert offered[-1] == timedelta(days=30)
