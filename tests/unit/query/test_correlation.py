"""Correlations from released moments."""

import numpy as np
import pytest
from tests.unit.query.crowd import make_catalogue

from sottovoce.catalogue import FEATURES
from sottovoce_query.releases.correlation import correlations
from sottovoce_query.releases.features import LENGTH, UNIT, FeatureVectors, squared_norm

SIZE = len(FEATURES)


@pytest.fixture(scope="module")
def catalogue():
    return make_catalogue()


@pytest.fixture(scope="module")
def plays():
    return np.random.default_rng(1).integers(0, 2_000_000, 40)


def test_without_noise_they_are_pearsons_whatever_the_number_of_plays(catalogue, plays):
    """Rounding to units must stay below the noise of the largest crowds."""
    moments = FeatureVectors.of(catalogue).sums(catalogue, catalogue.keys, plays)
    features = catalogue.features.astype(float)
    known = np.isfinite(features).all(axis=1)
    true = np.cov(features[known].T, fweights=plays[known])
    deviation = np.sqrt(np.diag(true))
    true /= np.outer(deviation, deviation)
    found = correlations(moments.astype(float), 0.0, 0.95)
    assert [each.value for each in found] == pytest.approx(true.ravel(), abs=4e-4)
    assert all(each.upper - each.lower < 1e-6 for each in found)


def test_where_noise_may_have_made_the_variance_every_correlation_is_possible(catalogue, plays):
    moments = FeatureVectors.of(catalogue).sums(catalogue, catalogue.keys, plays).astype(float)
    found = correlations(moments, float(plays.sum() * UNIT) ** 2, 0.95)
    pairs = [found[first * SIZE + second] for first in range(SIZE) for second in range(first)]
    assert {(each.lower, each.upper) for each in pairs} == {(-1.0, 1.0)}
    nothing = correlations(np.zeros(LENGTH), 1e6, 0.95)
    hidden = {(each.value, each.lower, each.upper) for each in nothing}
    assert hidden == {(0.0, -1.0, 1.0), (1.0, 1.0, 1.0)}


def test_no_listen_adds_more_than_the_sensitivity_says(catalogue):
    norms = (FeatureVectors.of(catalogue).units.astype(object) ** 2).sum(axis=1)
    assert max(norms) <= squared_norm()
