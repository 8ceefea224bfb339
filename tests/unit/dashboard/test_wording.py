from datetime import timedelta

import pytest
from tests.unit.dashboard.made_up import DAY, HOUR, MINUTE, NOON, SECOND, basis

from sottovoce.client import Estimate, TimeRange
from sottovoce_dashboard import wording


def test_counts_have_their_thousands_apart_and_no_halves_of_people():
    assert wording.count(1_234_567.4) == "1,234,567"
    assert wording.count(97.1) == "97"


def test_an_estimate_says_its_interval_or_that_it_is_exact():
    assert wording.estimate(Estimate(1_220, 1_180.2, 1_259.7)) == "1,220 (1,180 to 1,260)"
    assert wording.estimate(Estimate(7, 7, 7)) == "7"
    assert wording.interval(Estimate(7, 7, 7)) == "exact"


def test_a_small_share_is_never_called_nothing():
    assert wording.share(0.00001) == "< 0.1 %"
    assert wording.share(0.0) == "0.0 %"
    assert wording.share(0.3333) == "33.3 %"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (2 * SECOND, "2 seconds"),
        (MINUTE, "1 minute"),
        (90 * MINUTE, "1 hour 30 minutes"),
        (36 * HOUR, "1 day 12 hours"),
        (timedelta(milliseconds=500), "500 ms"),
    ],
)
def test_lengths_are_told_in_their_largest_units(length, words):
    assert wording.length(length) == words


def test_per_says_minute_and_not_1_minute():
    assert wording.per(MINUTE) == "minute"
    assert wording.per(30 * SECOND) == "30 seconds"
    assert wording.per(90 * MINUTE) == "1 hour 30 minutes"


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (NOON + MINUTE, "23 Nov 2026, 12:00 to 12:01 UTC"),
        (NOON + 30 * SECOND, "23 Nov 2026, 12:00:00 to 12:00:30 UTC"),
        (NOON + DAY, "23 Nov 2026 12:00 to 24 Nov 2026 12:00 UTC"),
    ],
)
def test_ranges_name_a_date_once_where_it_is_one(end, words):
    assert wording.time_range(TimeRange(NOON, end)) == words


def test_ranges_of_whole_days_name_days_the_last_included():
    start = NOON.replace(hour=0)
    assert wording.time_range(TimeRange(start, start + DAY)) == "23 Nov 2026"
    assert wording.time_range(TimeRange(start, start + 3 * DAY)) == "23 Nov 2026 to 25 Nov 2026"


def test_a_basis_explains_intervals_only_where_there_are_some():
    told = "live, 23 Nov 2026, 12:00 to 12:01 UTC (1 minute); catalogue 01234567."
    assert wording.basis(basis(), exact=True) == told
    assert "95 % confidence" in wording.basis(basis(), exact=False)
    assert "and 1 older" in wording.basis(basis(versions=("a", "b")), exact=True)


@pytest.mark.parametrize(
    ("mode", "words"),
    [("enforced", "its interval says how much"), ("personal", "figures are exact"),
     ("something new", "unprotected")],
)  # fmt: skip
def test_every_privacy_mode_says_what_it_means(mode, words):
    assert wording.privacy(mode).startswith("Privacy mode: ")
    assert words in wording.privacy(mode)


@pytest.mark.parametrize(
    ("epsilon", "delta", "words"),
    [
        (1.0, 1e-9, "epsilon 1 a slice, delta 1e-9"),
        (0.125, 1e-12, "epsilon 0.125 a slice, delta 1e-12"),
    ],
)
def test_a_budget_is_told_in_short(epsilon, delta, words):
    assert wording.budget(epsilon, delta) == words


@pytest.mark.parametrize(
    ("kind", "words"),
    [("synthetic", "made up"), ("own", "your own history"), ("real", "does not cover"),
     ("unspecified", "does not say")],
)  # fmt: skip
def test_a_sample_says_whether_its_rows_are_anybodys(kind, words):
    assert words in wording.sample_kind(kind)


def test_ago_rounds_and_never_is_in_the_future():
    assert wording.ago(-5 * SECOND) == "just now"
    assert wording.ago(timedelta(seconds=61.7)) == "1 minute 2 seconds ago"
