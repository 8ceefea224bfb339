"""The sliding sums are never outside their bound: no probability in it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.sketches import (
    ExponentialHistogram,
    InvalidParameter,
    OutOfOrder,
    UnsupportedItems,
)

MAX_WINDOW = 300


def check(rows, error, windows, now=None):
    histogram = ExponentialHistogram(MAX_WINDOW, error)
    histogram.update(rows)
    ticks, counts = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    end = int(ticks[-1]) if now is None else now
    for window in windows:
        inside = counts[ticks > end - window]
        truth, size = int(inside.sum()), int(np.abs(inside).sum())
        estimate = histogram.estimate(window, now)
        assert estimate.lower <= truth <= estimate.upper
        assert abs(estimate.value - truth) <= error * size * (1 + 1e-12)
        assert estimate.lower <= estimate.value <= estimate.upper
    return histogram


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.one_of(st.integers(-6, 6), st.integers(-(2**40), 2**40))),
        min_size=1,
        max_size=250,
    ),
    st.sampled_from([0.01, 0.1, 0.25, 0.5]),
    st.integers(0, 400),
)
def test_no_window_is_outside_its_bound(steps, error, later):
    ticks = np.cumsum([step for step, _ in steps]).tolist()
    rows = [(tick, count) for tick, (_, count) in zip(ticks, steps, strict=True)]
    check(rows, error, range(MAX_WINDOW + 1))
    check(rows, error, range(0, MAX_WINDOW + 1, 7), now=ticks[-1] + later)


def series(name):
    rng = np.random.default_rng(4)
    time = np.arange(2_000)
    return {
        "ones": np.ones(2_000),
        "growing": np.floor(1.02**time),
        "shrinking": np.floor(1e9 * 0.98**time) + 1,
        "bursts": np.where(time % 97 == 0, 10**6, 1),
        "alternating": np.where(time % 2, 1_000, -999),
        "rare": np.where(time % 41 == 0, 1, 0),
        "heavy tails": np.floor(rng.pareto(0.4, 2_000)).clip(0, 1e12),
        "saw": (time % 64) ** 4,
        "then silence": np.where(time < 1_850, 100, 0),
    }[name].astype(np.int64)


@pytest.mark.parametrize("error", [0.01, 0.1, 0.5])
@pytest.mark.parametrize(
    "name",
    ["ones", "growing", "shrinking", "bursts", "alternating", "rare", "heavy tails", "saw",
     "then silence"],
)  # fmt: skip
def test_series_made_to_hurt_stay_within_the_bound(name, error):
    counts = series(name)
    rows = list(zip(range(len(counts)), counts.tolist(), strict=True))
    for stop in (150, 700, 1_999):
        check(rows[:stop], error, range(MAX_WINDOW + 1))


def test_space_is_logarithmic_in_the_sum():
    histogram = ExponentialHistogram(10**7, 0.05)
    total = 0
    for tick in range(60_000):
        histogram.add(tick, 1 + tick % 7)
        total += 1 + tick % 7
    assert histogram.buckets <= 1.5 * 2 * math.log(total) / math.log(1.1) + 50
    assert len(histogram.to_bytes()) < 2_000


def test_few_counts_and_one_busy_tick_are_exact():
    histogram = ExponentialHistogram()
    histogram.update([(tick, 10**9) for tick in range(20)])
    estimate = histogram.estimate(7)
    assert (estimate.value, estimate.lower, estimate.upper) == (7e9, 7e9, 7e9)


def test_rows_of_an_array_are_rows():
    rows = [(tick, tick % 3 - 1) for tick in range(500)]
    one, two = ExponentialHistogram(), ExponentialHistogram()
    one.update(rows)
    two.update(np.array(rows))
    assert one == two


def test_time_never_goes_back():
    histogram = ExponentialHistogram()
    histogram.add(10, 1)
    before = histogram.payload()
    with pytest.raises(OutOfOrder, match="tick 9 is older than 10"):
        histogram.add(9, 1)
    with pytest.raises(InvalidParameter, match="before the newest"):
        histogram.estimate(now=9)
    with pytest.raises(InvalidParameter, match="from 0 to 43200"):
        histogram.estimate(window=50_000)
    assert histogram.payload() == before


@pytest.mark.parametrize(("window", "error"), [(0, 0.1), (10, 0.0), (10, 0.6), (10, math.nan)])
def test_parameters_that_make_no_sense_are_refused(window, error):
    with pytest.raises(InvalidParameter):
        ExponentialHistogram(window, error)


@pytest.mark.parametrize("row", [(1.5, 1), (1, 0.5), ("1", 1), (None, 1)])
def test_ticks_and_counts_are_integers(row):
    histogram = ExponentialHistogram()
    with pytest.raises(UnsupportedItems, match="integers"):
        histogram.update([row])
    assert histogram == ExponentialHistogram()


@pytest.mark.parametrize("row", [(1,), (1, 2, 3), 5, None])
def test_a_row_is_a_tick_and_a_count(row):
    with pytest.raises(UnsupportedItems, match="tick, count"):
        ExponentialHistogram().update([row])


def test_a_count_that_is_refused_takes_nothing_away():
    histogram = ExponentialHistogram()
    histogram.add(1, 2**62)
    before = histogram.payload()
    with pytest.raises(InvalidParameter, match="2\\^62"):
        histogram.add(1, 1)
    assert histogram.payload() == before
