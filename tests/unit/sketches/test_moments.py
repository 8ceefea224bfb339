from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.sketches import InvalidParameter, Moments, ParametersDiffer


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 31).flatmap(
        lambda bits: st.lists(
            st.tuples(
                st.integers(-(2**bits), 2**bits), st.integers(-3, 3), st.integers(0, 2**bits)
            ),
            min_size=1,
            max_size=30,
        )
    ),
    st.integers(0, 61),
)
def test_sums_are_exact_whatever_their_size(rows, shift):
    matrix = np.array([row[:2] for row in rows], dtype=float)
    weights = np.array([min(row[2] << shift, 2**61) for row in rows], dtype=np.int64)
    moments = Moments(scale=1 << 20)
    moments.update(matrix, weights)
    total = sum(weights.tolist())
    assert moments.count == total
    if not total:
        assert np.isnan(moments.mean()).all()
        return
    pairs = list(zip(rows, weights.tolist(), strict=True))
    sums = [sum(w * r[i] for r, w in pairs) for i in (0, 1)]
    product = sum(w * r[0] * r[1] for r, w in pairs)
    assert moments.mean().tolist() == [float(Fraction(value, total)) for value in sums]
    covariance = Fraction(product, total) - Fraction(sums[0] * sums[1], total**2)
    assert moments.covariance(0)[0, 1] == float(covariance)


def test_correlation_is_that_of_numpy():
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(5_000, 4)) @ rng.normal(size=(4, 4)) * [1, 10, 1000, 0.1] + 7
    moments = Moments()
    moments.update(matrix[:2_000])
    moments.update(matrix[2_000:])
    assert moments.correlation() == pytest.approx(np.corrcoef(matrix.T), abs=1e-6)
    assert moments.covariance() == pytest.approx(np.cov(matrix.T), rel=1e-4)
    assert moments.estimate(1, 2).value == moments.correlation()[1, 2]


def test_weights_are_repetitions():
    rng = np.random.default_rng(3)
    matrix, weights = rng.random((50, 3)), rng.integers(0, 5, 50)
    weighted, repeated = Moments(), Moments()
    weighted.update(matrix, weights)
    repeated.update(np.repeat(matrix, weights, axis=0))
    assert weighted == repeated


def test_a_constant_has_no_correlation():
    moments = Moments()
    moments.update([[1.0, 2.0], [1.0, 3.0], [1.0, 4.0]])
    assert np.isnan(moments.correlation()).tolist() == [[True, True], [True, False]]
    assert np.isnan(moments.estimate(0, 1).value)


def test_huge_and_tiny_variances_still_correlate():
    moments = Moments()
    value = np.arange(100.0)
    moments.update(np.stack([value * 1e7, -value / 1e3], axis=1))
    assert moments.correlation()[0, 1] == pytest.approx(-1.0, abs=1e-3)


@pytest.mark.parametrize(
    "bad", [[[np.nan]], [[np.inf]], [[1e30]], [1.0], [[]], [["loud"]], [[1], [2, 3]]]
)
def test_what_is_no_vector_is_refused(bad):
    moments = Moments()
    with pytest.raises(InvalidParameter):
        moments.update(bad)
    assert moments == Moments()


@pytest.mark.parametrize("weights", [[1], [1.0, 2.0], [-1, 1]])
def test_what_is_no_weight_is_refused(weights):
    with pytest.raises(InvalidParameter):
        Moments().update([[1.0], [2.0]], weights)


def test_other_dimensions_are_refused():
    moments, other = Moments(2), Moments(3)
    with pytest.raises(ParametersDiffer):
        moments.merge(other)
    with pytest.raises(InvalidParameter, match="2 are expected"):
        moments.update([[1.0, 2.0, 3.0]])


def test_no_vectors_change_nothing():
    moments = Moments()
    moments.update([])
    assert moments == Moments()
