"""The simulator: a function of the seed, with the habits that it promises."""

import csv

import numpy as np
import pytest

from sottovoce.catalogue import read_catalogue
from sottovoce.data_sets.data_set import HOUR_MS
from sottovoce.wire import listens as wire
from sottovoce_producer.sources.crowd import Crowd, Population
from sottovoce_producer.sources.made_up import COLUMNS, made_up_catalogue, write_made_up_catalogue
from sottovoce_producer.sources.simulator import Simulator

START = 1_800_000_000_000


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    path = tmp_path_factory.mktemp("catalogue") / "made-up.csv"
    write_made_up_catalogue(path, tracks=500)
    return read_catalogue(path)[0]


def crowd(catalogue, **population):
    return Crowd(Population(**population), catalogue)


def simulator(people, clock, **options):
    chosen = {
        "name": "s", "data_set": "live", "rate": 300.0, "follows_day": False, "start_ms": None,
        "plays": None, "batch_ms": 200, "batch_plays": 1_000, "clock_ms": clock,
        "wait": clock.wait, **options,
    }  # fmt: skip
    return Simulator(people, **chosen)


class Clock:
    """Time that passes only while somebody waits; ends after some seconds."""

    def __init__(self, seconds=10):
        self.now = START
        self.end = START + seconds * 1000

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += max(1, int(seconds * 1000))
        return self.now > self.end


def columns(plays):
    return [
        plays.account.tolist(),
        plays.track.tolist(),
        plays.ms_played.tolist(),
        plays.country.tolist(),
        plays.flags.tolist(),
    ]


def test_the_same_seed_makes_the_same_plays_and_another_makes_others(catalogue):
    numbers, times = np.arange(5_000), np.full(5_000, START)
    one = columns(crowd(catalogue, seed=7).plays(numbers, times))
    assert one == columns(crowd(catalogue, seed=7).plays(numbers, times))
    assert one != columns(crowd(catalogue, seed=8).plays(numbers, times))


def test_goes_on_behind_its_cursor(catalogue):
    people = crowd(catalogue)
    options = {"rate": 0.0, "plays": 5_000, "batch_plays": 700, "start_ms": START}
    whole = list(simulator(people, Clock(), **options).batches(None))
    assert [len(whole)] == [8]
    for done in range(1, 8):
        rest = simulator(people, Clock(), **options).batches(whole[done - 1].cursor)
        assert [columns(each.plays) for each in rest] == [columns(e.plays) for e in whole[done:]]


def test_keeps_its_rate_and_ends_plays_when_they_are_made(catalogue):
    clock = Clock(seconds=20)
    count = 0
    last = START
    for batch in simulator(crowd(catalogue, duplicates=0.0), clock).batches(None):
        ends = batch.plays.end_time_ms
        assert (ends > last).all() or (np.diff(ends) >= 0).all()
        assert int(ends.max()) <= clock.now
        last = int(ends.max())
        count += len(batch.plays)
    assert count == pytest.approx(300 * 20, rel=0.05)


def test_ends_after_as_many_plays_as_asked(catalogue):
    people = crowd(catalogue, duplicates=0.0)
    batches = simulator(people, Clock(), rate=0.0, plays=1_234, batch_plays=500).batches(None)
    assert [len(batch.plays) for batch in batches] == [500, 500, 234]


def test_has_the_habits_that_it_promises(catalogue):
    count = 100_000
    people = crowd(catalogue, listeners=1_000, seats=200, skips=0.3, duplicates=0.0)
    plays = people.plays(np.arange(count), START + np.arange(count))
    skipped = (plays.flags & wire.SKIPPED) != 0
    assert skipped.mean() == pytest.approx(0.3, abs=0.01)
    assert plays.ms_played[skipped].max() <= 30_000
    tracks = np.sort(np.bincount(plays.track, minlength=len(catalogue)))[::-1]
    assert tracks[:10].sum() > 4 * tracks[100:110].sum()
    assert (tracks > 0).mean() > 0.9
    assert len(np.unique(plays.country)) == 9
    assert (np.unique(plays.account).size) > 700
    # A seat keeps its listener for a session: most neighbours in a seat are the same person.
    seat = plays.account.reshape(-1, 200)
    assert (seat[1:] == seat[:-1]).mean() > 0.8
    # Each listener's plays come mostly from few genres.
    most = np.bincount(catalogue.primary_genre[plays.track[plays.account == plays.account[0]]])
    assert most.max() / most.sum() > 0.2


def test_the_day_has_a_rhythm_and_an_average_of_one(catalogue):
    people = crowd(catalogue)
    hours = [people.rhythm(START // HOUR_MS * HOUR_MS + hour * HOUR_MS) for hour in range(24)]
    assert np.mean(hours) == pytest.approx(1.0)
    assert max(hours) > 1.2
    assert min(hours) < 0.8


def test_tells_some_plays_twice(catalogue):
    plays = crowd(catalogue, duplicates=0.1).plays(np.arange(10_000), np.full(10_000, START))
    assert len(plays) == pytest.approx(11_000, rel=0.02)


def test_the_made_up_catalogue_has_the_columns_and_a_few_tracks_of_two_genres(tmp_path):
    path = tmp_path / "c.csv"
    rows = write_made_up_catalogue(path, tracks=400, seed=3)
    with path.open() as file:
        assert tuple(next(csv.reader(file))) == COLUMNS
    catalogue, report = read_catalogue(path)
    assert report.refused == {}
    assert len(catalogue) == 400 < rows < 500
    assert 5 <= len(catalogue.genres) <= 8
    assert made_up_catalogue(50, 3) == made_up_catalogue(50, 3) != made_up_catalogue(50, 4)
