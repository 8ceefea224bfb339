"""Logs moved to now: every play once for each replica, in its own rhythm or at a rate."""

import numpy as np
import pytest

from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS
from sottovoce_producer.sources.log import WEEK_MS, Faults, plays_of
from sottovoce_producer.sources.log_file import LogFile
from sottovoce_producer.sources.replay import LogIntoLive, Rings, week_of

START = 1_800_000_000_000


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self):
        self.now = START
        self.waits = 0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.waits += 1
        self.now += int(seconds * 1000)
        return False


@pytest.fixture
def plays(made_up_data):
    return plays_of(list(LogFile(made_up_data / "lastfm_1k.tsv").rows()), "", Faults())


def source(plays, clock, rate, replicas=3, batch_ms=1_000, batch_plays=10):
    return LogIntoLive(
        plays,
        name="n",
        data_set="live",
        replicas=replicas,
        rate=rate,
        batch_ms=batch_ms,
        batch_plays=batch_plays,
        clock_ms=clock,
        wait=clock.wait,
    )


def told(batches):
    """Return (account, track) of every play, in order."""
    return [
        (batch.plays.accounts[account], int(batch.plays.tracks.low[track]))
        for batch in batches
        for account, track in zip(batch.plays.account, batch.plays.track, strict=True)
    ]


def expected(plays, replicas):
    return sorted(
        (f"{plays.accounts[account]}#{replica}" if replica else plays.accounts[account],
         int(plays.tracks.low[track]))
        for replica in range(replicas)
        for account, track in zip(plays.account, plays.track, strict=True)
    )  # fmt: skip


@pytest.mark.parametrize("replicas", [1, 3, 200])
def test_windows_cover_each_play_of_each_replica_once(plays, replicas):
    rings = Rings(plays, replicas)
    since, at = 3 * DAY_MS + 5, 3 * DAY_MS + 5
    seen = []
    while at < since + rings.longest_ms:
        window = rings.window(since, at, at + 5 * HOUR_MS + 1)
        assert (np.diff(window.at_ms) >= 0).all()
        assert ((window.at_ms >= at) & (window.at_ms < at + 5 * HOUR_MS + 1)).all()
        # Everybody keeps weekday and hour: the shift is a whole number of weeks.
        shift = plays.end_time_ms[window.play] - window.at_ms
        assert (shift % WEEK_MS == week_of(0) % WEEK_MS).all()
        seen += zip(window.replica.tolist(), window.play.tolist(), strict=True)
        at += 5 * HOUR_MS + 1
    assert sorted(seen) == [(r, p) for r in range(replicas) for p in range(len(plays))]


def test_at_a_rate_each_play_comes_once_and_ends_when_it_is_sent(plays):
    clock = Clock()
    batches = []
    for batch in source(plays, clock, 20.0).batches(None):
        assert (batch.plays.end_time_ms <= clock.now).all()
        assert (batch.plays.end_time_ms > clock.now - 2_000).all()
        batches.append(batch)
    assert sorted(told(batches)) == expected(plays, 3)
    seconds = (clock.now - START) / 1000
    assert seconds == pytest.approx(3 * len(plays) / 20, rel=0.2)


def test_a_slow_rate_is_kept(plays):
    clock = Clock()
    batches = list(source(plays, clock, 0.5, replicas=1).batches(None))
    assert {len(batch.plays) for batch in batches} == {1}
    assert (clock.now - START) / 1000 == pytest.approx(len(plays) / 0.5, rel=0.05)


@pytest.mark.parametrize("batch_plays", [10, 1_000_000])
def test_as_fast_as_possible_a_listeners_plays_are_a_millisecond_apart(plays, batch_plays):
    clock = Clock()
    batches = []
    for batch in source(plays, clock, 0.0, batch_plays=batch_plays).batches(None):
        assert clock.now - 1_100 <= batch.plays.end_time_ms.min()
        assert batch.plays.end_time_ms.max() <= clock.now
        batches.append(batch)
    assert sorted(told(batches)) == expected(plays, 3)
    heard = [
        (batch.plays.accounts[account], int(end))
        for batch in batches
        for account, end in zip(batch.plays.account, batch.plays.end_time_ms, strict=True)
    ]
    assert len(set(heard)) == len(heard)
    busiest = max(np.bincount(plays.account))
    assert clock.now - START <= busiest + len(batches)


def test_in_its_own_rhythm_plays_end_at_their_weekday_and_hour(plays):
    clock = Clock()
    batches = list(source(plays, clock, None, batch_ms=600_000).batches(None))
    assert sorted(told(batches)) == expected(plays, 3)
    ends = np.concatenate([batch.plays.end_time_ms for batch in batches])
    original = {int(each) % WEEK_MS for each in plays.end_time_ms}
    assert {int(each) % WEEK_MS for each in ends} == original
    assert (np.diff(ends) >= 0).all()


@pytest.mark.parametrize("rate", [0.0, 20.0, None])
def test_goes_on_behind_any_cursor(plays, rate):
    def run(cursor):
        return source(plays, Clock(), rate, batch_ms=600_000).batches(cursor)

    whole = list(run(None))
    for done in range(1, len(whole)):
        assert told(run(whole[done - 1].cursor)) == told(whole[done:])
    assert list(run(whole[-1].cursor)) == []


def test_an_empty_log_is_over_at_once(plays):
    assert list(source(plays.select(np.zeros(len(plays), bool)), Clock(), 0.0).batches(None)) == []
