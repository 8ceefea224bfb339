"""Is the sample uniform? Seeds are fixed; each test fails over seeds with probability 1e-6."""

import numpy as np
import pytest
from scipy.stats import binom, chi2

from sottovoce.sketches import BottomKSample


def test_every_item_is_as_likely_whatever_its_place_and_frequency():
    population, k, runs = 40, 5, 4_000
    chosen = np.zeros(population)
    for run in range(runs):
        sample = BottomKSample(k)
        names = [f"{run}/{i}" for i in range(population)]
        sample.update(names + names[:10] * 3)  # some come again
        for payload in sample.payloads:
            chosen[int(payload.split(b"/")[1])] += 1
    share = k / population
    expected = runs * share
    # Draws without replacement: each count has variance runs p (1 - p), and they sum to runs k.
    statistic = ((chosen - expected) ** 2).sum() / (expected * (1 - share))
    statistic *= (population - 1) / population
    assert statistic <= chi2.ppf(1 - 1e-6, population - 1)
    assert statistic >= chi2.ppf(1e-6, population - 1)


@pytest.mark.parametrize(("k", "items"), [(16, 1_000), (64, 20_000)])
def test_bounds_of_the_number_of_items_hold(k, items):
    rng = np.random.default_rng(k)
    runs, held, values = 400, 0, []
    for _ in range(runs):
        sample = BottomKSample(k)
        high, low = rng.integers(0, 2**64, (2, items), dtype=np.uint64)
        sample.add(high, low, np.zeros((items, 1), np.uint8))
        estimate = sample.estimate(0.95)
        held += estimate.contains(items)
        values.append(estimate.value / items - 1)
    assert binom.ppf(1e-6, runs, 0.95) <= held <= runs
    error = 1 / np.sqrt(k - 2)
    assert abs(np.mean(values)) <= 5 * error / np.sqrt(runs)
    assert np.sqrt(np.mean(np.square(values))) <= 1.3 * error


def test_the_smaller_payload_stays_whichever_came_first():
    high, low = np.array([7], np.uint64), np.array([9], np.uint64)
    one, two = BottomKSample(), BottomKSample()
    one.add(high, low, [b"b"])
    one.add(high, low, [b"a"])
    two.add(np.repeat(high, 2), np.repeat(low, 2), [b"a", b"b"])
    assert one == two
    assert one.payloads == [b"a"]
    assert one.ranks == [7 << 64 | 9]


def test_ranks_that_share_their_upper_half_are_told_apart():
    low = np.random.default_rng(1).permutation(5_000).astype(np.uint64)
    sample = BottomKSample(10)
    sample.add(np.zeros(5_000, np.uint64), low, [b"%d" % value for value in low.tolist()])
    assert sample.ranks == list(range(10))
    assert sample.payloads == [b"%d" % value for value in range(10)]
