"""Constants, the grid, terms."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.data_sets import PROFILES, DataSet, DataSetError, Terms, TermsTimeline

LIVE = PROFILES["standard"]["live"]


@given(st.integers(0, 2**45), st.sampled_from([d for p in PROFILES.values() for d in p.values()]))
def test_every_time_lies_in_one_pane_of_one_slice(time_ms, data_set):
    pane, start = data_set.pane_of(time_ms), data_set.slice_of(time_ms)
    assert pane <= time_ms < pane + data_set.pane_ms
    assert start <= pane < start + data_set.slice_ms
    assert (pane - start) // data_set.pane_ms < data_set.panes_per_slice


@pytest.mark.parametrize("data_set", [d for p in PROFILES.values() for d in p.values()])
def test_constants_come_back_from_their_record(data_set):
    made = dataclasses.replace(data_set, epoch=bytes(range(16)), created_at_ms=7)
    assert DataSet.from_message(made.to_message()) == made


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"pane_ms": 7}, "whole number of panes"),
        ({"slice_ms": 7 * 60_000, "pane_ms": 60_000}, "whole number"),
        ({"shards": 0}, "at least 1"),
        ({"first_ms": 1}, "start of a slice"),
        ({"cell_retention_ms": 8 * 86_400_000}, "before the log"),
    ],
)
def test_constants_that_make_no_sense_are_refused(change, says):
    with pytest.raises(DataSetError, match=says):
        dataclasses.replace(LIVE, **change)


def test_a_slice_has_the_last_terms_that_began_before_it():
    first, second = Terms("live"), Terms("live", from_ms=100, listens_per_slice=5)
    timeline = TermsTimeline("live", [second, first])
    assert [timeline.at(time) for time in (0, 99, 100, 10**15)] == [first, first, second, second]
    assert timeline.starts == [0, 100]


def test_without_terms_the_error_says_what_to_run():
    with pytest.raises(DataSetError, match="sottovoce topics create"):
        TermsTimeline("live").at(0)


def test_terms_come_back_from_their_record():
    terms = Terms("history", 86_400_000, "abc", 1, 2, 3, 4)
    assert Terms.from_message(terms.to_message()) == terms


@pytest.mark.parametrize(
    "change", [{"listens_per_slice": 0}, {"slices_per_day": 0}, {"lateness_ms": -1}]
)
def test_terms_that_make_no_sense_are_refused(change):
    with pytest.raises(DataSetError, match="terms of live"):
        Terms("live", **change)
