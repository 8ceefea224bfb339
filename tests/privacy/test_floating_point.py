"""Noise in floating point leaves holes that tell what was under it: none is on this way.

Mironov, "On significance of the least significant bits for differential privacy", CCS 2012.
"""

import numpy as np
import pytest
from scipy.stats import chi2
from tests.privacy.made_up_gate import small_world

from sottovoce.privacy import Mechanism, Noise
from sottovoce.wire.v1 import release_pb2
from sottovoce_query.releases.statistic import STATISTICS

BITS = 6


def bits_are_fair(values):
    """Whether each low bit is a fair coin: chi-square over all patterns, once in a million."""
    counts = np.bincount(np.asarray(values, np.int64) & (2**BITS - 1), minlength=2**BITS)
    expected = len(values) / 2**BITS
    return ((counts - expected) ** 2 / expected).sum() <= chi2.ppf(1 - 1e-6, 2**BITS - 1)


@pytest.fixture(scope="module")
def released():
    """Everything that is released about thirty slices: statistic, exact counts, what came out."""
    world = small_world(slices=30, listens=60)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        add = Noise.add

        def watch(noise, counts):
            seen.append((noise, counts, add(noise, counts)))
            return seen[-1][-1]

        patch.setattr(Noise, "add", watch)
        replica = world.replica().release_all()
        replica.gate.distinct_listeners(world.range(0, 2))
    return seen, replica


def test_whole_numbers_go_in_and_whole_numbers_come_out(released):
    seen, replica = released
    assert len(seen) > 30 * len(STATISTICS) // 2
    for _, counts, noisy in seen:
        assert np.asarray(counts).dtype.kind in "iu"
        assert noisy.dtype == np.int64
    assert all(
        replica.shelf.get(each.key) is None
        or replica.shelf.get(each.key).body.values.dtype.kind == "i"
        for each in replica.ledger.charges()
    )


def test_what_leaves_has_no_field_for_a_fraction():
    """But the bounds of real rows' features, which are no noise."""
    kinds = {
        field.name
        for field in release_pb2.ReleaseBody.DESCRIPTOR.fields
        if field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT)
    }
    assert kinds == set()


def test_every_low_bit_of_the_noise_is_a_fair_coin(released):
    seen, _ = released
    for mechanism in Mechanism:
        noise = [
            noisy - np.asarray(counts)
            for each, counts, noisy in seen
            if each.mechanism is mechanism and each.scale > 2 ** (BITS + 1)
        ]
        assert bits_are_fair(np.concatenate(noise))


def test_noise_in_floating_point_is_caught():
    """The defence removed: at a large offset the low bits of a double are gone."""
    rng = np.random.default_rng(7)
    careless = 2.0**57 + rng.laplace(0, 2.0**10, 20_000)
    assert not bits_are_fair(careless.astype(np.int64))
