"""Token buckets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.service.access.rates import NO_LIMIT, Limit, Rates


def test_a_burst_passes_then_as_much_as_the_rate():
    rates, limit = Rates(), Limit(2.0, 3)
    assert [rates.take("a", limit, 10.0) for _ in range(3)] == [0.0] * 3
    assert rates.take("a", limit, 10.0) == pytest.approx(0.5)
    assert rates.take("a", limit, 10.4) == pytest.approx(0.1)
    assert rates.take("a", limit, 10.5) == 0.0
    assert rates.take("a", limit, 10.5) == pytest.approx(0.5)


def test_each_caller_has_a_bucket_of_its_own():
    rates, limit = Rates(), Limit(1.0, 1)
    assert rates.take("a", limit, 0.0) == 0.0
    assert rates.take("b", limit, 0.0) == 0.0
    assert rates.take("a", limit, 0.0) > 0


def test_a_quiet_hour_saves_up_no_more_than_the_burst():
    rates, limit = Rates(), Limit(1.0, 2)
    rates.take("a", limit, 0.0)
    assert [rates.take("a", limit, 3600.0) > 0 for _ in range(3)] == [False, False, True]


def test_without_a_limit_everything_passes():
    rates = Rates()
    assert not any(rates.take("a", NO_LIMIT, 0.0) for _ in range(1_000))


@given(
    st.floats(0.1, 100),
    st.integers(1, 20),
    st.lists(st.floats(0, 2), min_size=1, max_size=60),
)
def test_no_stretch_of_time_lets_more_through_than_burst_and_rate(per_second, burst, waits):
    rates, limit, now, passed = Rates(), Limit(per_second, burst), 0.0, []
    for wait in waits:
        now += wait
        if rates.take("a", limit, now) == 0.0:
            passed.append(now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            allowed = burst + per_second * (passed[last] - passed[first])
            assert last - first + 1 <= allowed + 1e-6


@given(st.floats(0.1, 100), st.integers(1, 20))
def test_whoever_waits_as_long_as_told_passes_and_not_before(per_second, burst):
    rates, limit = Rates(), Limit(per_second, burst)
    assert not any(rates.take("a", limit, 5.0) for _ in range(burst))
    wait = rates.take("a", limit, 5.0)
    assert rates.take("a", limit, 5.0 + 0.9 * wait) > 0
    assert rates.take("a", limit, 5.0 + wait) == 0.0
