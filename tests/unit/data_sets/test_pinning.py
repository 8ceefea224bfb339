import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.data_sets import PROFILES, DataSetError, Terms, TermsTimeline
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.data_sets.pinning import NOTICE_MS, PROFILE_TERMS, next_terms

LIVE = PROFILES["demo"]["live"]
HISTORY = dataclasses.replace(PROFILES["demo"]["history"], first_ms=365 * DAY_MS)
NOW_MS = 1_700_000_000_000


def terms_of(data_set, *more):
    return TermsTimeline(data_set.name, [Terms(data_set.name), *more])


def test_an_untouched_data_set_changes_from_its_beginning():
    for data_set in (LIVE, HISTORY):
        new = next_terms(
            data_set,
            terms_of(data_set),
            {"catalogue_version": "v"},
            now_ms=NOW_MS,
            untouched=True,
        )
        assert new == Terms(data_set.name, from_ms=0, catalogue_version="v")


def test_what_the_last_terms_say_already_is_not_written_again():
    timeline = terms_of(LIVE, Terms("live", 900_000, "v"))
    change = {"catalogue_version": "v"}
    assert next_terms(LIVE, timeline, change, now_ms=NOW_MS, untouched=False) is None


@given(st.integers(0, 4_000_000_000_000))
def test_live_changes_with_the_next_slice_that_leaves_time_to_read_of_it(now_ms):
    change = {"listens_per_slice": 3}
    new = next_terms(LIVE, terms_of(LIVE), change, now_ms=now_ms, untouched=False)
    assert new.from_ms % LIVE.slice_ms == 0
    earliest_ms = now_ms + NOTICE_MS + Terms("live").future_ms
    assert earliest_ms <= new.from_ms < earliest_ms + LIVE.slice_ms


def test_a_listen_from_the_future_is_never_judged_by_terms_that_still_change():
    timeline = terms_of(LIVE, Terms("live", 30_000, future_ms=600_000), Terms("live", 60_000))
    new = next_terms(LIVE, timeline, {"listens_per_slice": 3}, now_ms=NOW_MS, untouched=False)
    assert new.from_ms >= NOW_MS + NOTICE_MS + 600_000


def test_changes_build_on_the_last_terms_even_before_they_hold():
    timeline = terms_of(LIVE, Terms("live", NOW_MS + 10_000, "v", lateness_ms=7))
    new = next_terms(LIVE, timeline, {"slices_per_day": 9}, now_ms=NOW_MS, untouched=False)
    assert (new.catalogue_version, new.lateness_ms, new.slices_per_day) == ("v", 7, 9)


@pytest.mark.parametrize(
    ("sealed_ms", "from_ms"), [(0, 365 * DAY_MS), (400 * DAY_MS, 400 * DAY_MS)]
)
def test_history_changes_with_the_day_after_the_last_seal(sealed_ms, from_ms):
    new = next_terms(
        HISTORY,
        terms_of(HISTORY),
        {"catalogue_version": "v"},
        now_ms=NOW_MS,
        untouched=False,
        sealed_ms=sealed_ms,
    )
    assert new.from_ms == from_ms


def test_the_bound_of_written_history_can_rise_but_not_fall():
    timeline = terms_of(HISTORY)

    def change(bound, untouched):
        told = {"listens_per_slice": bound}
        return next_terms(HISTORY, timeline, told, now_ms=NOW_MS, untouched=untouched)

    assert change(1, untouched=True).listens_per_slice == 1
    assert change(500, untouched=False).listens_per_slice == 500
    with pytest.raises(DataSetError, match="can't go down from 20 to 1"):
        change(1, untouched=False)


def test_terms_out_of_bounds_are_refused():
    with pytest.raises(DataSetError, match="at least 1"):
        next_terms(LIVE, terms_of(LIVE), {"slices_per_day": 0}, now_ms=NOW_MS, untouched=True)


def test_each_profile_has_terms_for_each_of_its_data_sets():
    for profile, data_sets in PROFILES.items():
        assert {each.data_set for each in PROFILE_TERMS[profile].values()} == set(data_sets)
