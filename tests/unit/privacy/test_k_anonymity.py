from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.privacy import PrivacyParameterError, k_anonymous_rows, mask_features, mask_times

ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 4)),
    max_size=60,
)


def columns(rows):
    track, country, hour, listener = zip(*rows, strict=True) if rows else ([], [], [], [])
    people = np.array(listener, dtype=np.uint64)
    return (
        [np.array(track, dtype=np.uint64), np.array(country, dtype="<U1"), np.array(hour)],
        [people, people * np.uint64(2**60)],
    )


@given(ROWS, st.integers(2, 4))
def test_rows_are_kept_exactly_where_enough_listeners_share_them(rows, k):
    people = defaultdict(set)
    for *group, listener in rows:
        people[tuple(group)].add(listener)
    kept = k_anonymous_rows(*columns(rows), k)
    assert kept.tolist() == [len(people[tuple(group)]) >= k for *group, _ in rows]


def test_one_listener_who_plays_all_day_hides_nobody():
    assert not k_anonymous_rows(*columns([(1, "a", 0, 9)] * 100), 2).any()


def test_halves_of_a_pseudonym_are_read_together():
    group = [np.zeros(3, dtype=np.int64)]
    halves = [np.array([1, 1, 2], dtype=np.uint64), np.array([5, 6, 5], dtype=np.uint64)]
    assert k_anonymous_rows(group, halves, 3).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: k_anonymous_rows([np.arange(2)], [np.arange(2)], 1),
        lambda: k_anonymous_rows([], [np.arange(2)], 2),
        lambda: k_anonymous_rows([np.arange(2)], [], 2),
        lambda: k_anonymous_rows([np.arange(2)], [np.arange(3)], 2),
        lambda: mask_times(np.arange(2), 0),
        lambda: mask_features(np.arange(2.0), 0),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(PrivacyParameterError):
        make()


@given(st.lists(st.integers(-(10**13), 10**13)), st.sampled_from([1_000, 3_600_000]))
def test_masked_times_are_starts_and_tell_no_more(times, grain):
    exact = np.array(times, dtype=np.int64)
    masked = mask_times(exact, grain)
    assert (masked % grain == 0).all()
    assert ((exact - masked >= 0) & (exact - masked < grain)).all()


@given(st.lists(st.floats(-0.5, 1.5)), st.integers(1, 20))
def test_masked_features_take_as_many_values_as_there_are_steps(features, steps):
    masked = mask_features(np.array(features), steps)
    allowed = (np.arange(steps) + 0.5) / steps
    assert np.isin(masked, allowed).all()
    inside = (np.array(features) >= 0) & (np.array(features) < 1)
    assert (np.abs(masked - np.array(features))[inside] <= 0.5 / steps + 1e-12).all()


def test_an_unknown_feature_stays_unknown():
    assert np.isnan(mask_features(np.array([np.nan, 0.3]))).tolist() == [True, False]
