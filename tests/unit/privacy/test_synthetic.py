"""Made-up listens follow the released figures. The seed is fixed; bounds are five deviations."""

import numpy as np
import pytest

from sottovoce.privacy import Margin, PrivacyParameterError, synthesize

TRACKS = Margin(np.array([10, 11, 12, 13], dtype=np.uint64), np.array([60, 30, 10, -50]))
COUNTRIES = Margin(np.array(["IT", "SE"]), np.array([1, 3]))
PANES = Margin(np.array([0, 60_000]), np.array([5, 5]))


def rng():
    return np.random.default_rng(7)


def shares(column, keys):
    return np.array([(column == key).mean() for key in keys])


def close(found, wanted, rows=20_000):
    return bool((np.abs(found - wanted) <= 5 * np.sqrt(np.array(wanted) / rows) + 1e-12).all())


def test_margins_are_kept_and_negative_counts_never_drawn():
    listens = synthesize(20_000, TRACKS, COUNTRIES, PANES, rng())
    assert len(listens) == 20_000
    assert close(shares(listens.tracks, TRACKS.keys), [0.6, 0.3, 0.1, 0.0])
    assert close(shares(listens.countries, COUNTRIES.keys), [0.25, 0.75])
    assert close(shares(listens.panes, PANES.keys), [0.5, 0.5])
    assert listens.tracks.dtype == np.uint64


def test_released_genres_set_the_shares_between_genres():
    genres = Margin(np.array(["jazz", "pop"]), np.array([50, 50]))
    listens = synthesize(
        20_000, TRACKS, COUNTRIES, PANES, rng(), genres=(np.array([0, 1, 1, 0]), genres)
    )
    assert close(shares(listens.tracks, TRACKS.keys), [0.5, 0.375, 0.125, 0.0])


def test_the_same_randomness_gives_the_same_rows():
    one, two = (synthesize(50, TRACKS, COUNTRIES, PANES, rng()) for _ in range(2))
    assert (one.tracks == two.tracks).all()
    assert (one.panes == two.panes).all()


def test_where_no_count_is_positive_all_keys_are_alike():
    empty = Margin(TRACKS.keys, np.array([-1, 0, -3, -4]))
    found = shares(synthesize(20_000, empty, COUNTRIES, PANES, rng()).tracks, TRACKS.keys)
    assert close(found, [0.25] * 4)


def test_where_nothing_was_released_nothing_is_made_up():
    none = Margin(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64))
    assert len(synthesize(10, none, COUNTRIES, PANES, rng())) == 0
    assert len(synthesize(10, TRACKS, COUNTRIES, none, rng())) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Margin(np.arange(2), np.arange(3)),
        lambda: synthesize(-1, TRACKS, COUNTRIES, PANES, rng()),
        lambda: synthesize(1, TRACKS, COUNTRIES, PANES, rng(), (np.array([0]), COUNTRIES)),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(PrivacyParameterError):
        make()
