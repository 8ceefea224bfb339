"""The bounds against a model that takes one play after the other."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.data_sets import PROFILES
from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS
from sottovoce_producer.bounds import Bounds, Candidates, Verdict

LIVE = PROFILES["standard"]["live"]
HISTORY = PROFILES["standard"]["history"]

play = st.tuples(
    st.integers(0, 3),  # listener
    st.integers(0, 60),  # half hours
    st.integers(0, 6),  # track
    st.integers(1, 40),  # event
)
batches = st.lists(st.lists(play, max_size=40), max_size=6)


def candidates(plays, most, days):
    listener, halves, track, event = zip(*plays, strict=True) if plays else ((),) * 4
    track = np.array(track, np.uint64)
    return Candidates(
        np.array(listener, np.int64),
        np.array(halves, np.int64) * (HOUR_MS // 2),
        np.array(event, np.uint64),
        track,
        track // np.uint64(2),
        np.full(len(plays), most),
        np.full(len(plays), days),
    )


class Naive:
    """One play after the other, with sets."""

    def __init__(self, slice_ms, most, days):
        self.slice_ms, self.most, self.days = slice_ms, most, days
        self.events, self.tracks, self.artists = set(), set(), set()
        self.count, self.slices = {}, {}

    def take(self, listener, halves, track, event):
        """Return verdict, ordinal, first of track, first of artist."""
        start = halves * (HOUR_MS // 2) // self.slice_ms * self.slice_ms
        group, day = (start, listener), (start // DAY_MS, listener)
        if (group, event) in self.events:
            return Verdict.DUPLICATE, None, False, False
        there = self.slices.setdefault(day, set())
        if start not in there and len(there) >= self.days:
            return Verdict.OVER_SLICES_PER_DAY, None, False, False
        ordinal = self.count.get(group, 0)
        if ordinal >= self.most:
            return Verdict.OVER_LISTENS_PER_SLICE, None, False, False
        there.add(start)
        self.count[group] = ordinal + 1
        self.events.add((group, event))
        first_of_track = (group, track) not in self.tracks
        first_of_artist = (group, track // 2) not in self.artists
        self.tracks.add((group, track))
        self.artists.add((group, track // 2))
        return Verdict.TAKEN, ordinal, first_of_track, first_of_artist


def answers(decision):
    rows = zip(
        decision.verdict.tolist(),
        decision.ordinal.tolist(),
        decision.first_of_track.tolist(),
        decision.first_of_artist.tolist(),
        strict=True,
    )
    return [
        (verdict, ordinal if verdict == Verdict.TAKEN else None, track, artist)
        for verdict, ordinal, track, artist in rows
    ]


@given(batches, st.integers(1, 5), st.integers(1, 4), st.sampled_from([LIVE, HISTORY]))
@settings(max_examples=300, deadline=None)
def test_decides_as_one_play_after_the_other_would(given_batches, most, days, data_set):
    bounds, naive = Bounds(data_set), Naive(data_set.slice_ms, most, days)
    for batch in given_batches:
        decision = bounds.decide(candidates(batch, most, days))
        assert answers(decision) == [naive.take(*each) for each in batch]
        bounds.commit(decision)


@given(batches, st.integers(1, 4), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_the_split_into_batches_changes_nothing(given_batches, most, days):
    whole = [each for batch in given_batches for each in batch]
    together = answers(Bounds(LIVE).decide(candidates(whole, most, days)))
    bounds, apart = Bounds(LIVE), []
    for batch in given_batches:
        decision = bounds.decide(candidates(batch, most, days))
        bounds.commit(decision)
        apart += answers(decision)
    assert apart == together


@given(batches, st.lists(play, max_size=30), st.integers(1, 4), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_restored_from_what_was_taken_it_goes_on_as_if_never_stopped(before, after, most, days):
    running, restored = Bounds(LIVE), Bounds(LIVE)
    for batch in before:
        plays = candidates(batch, most, days)
        decision = running.decide(plays)
        running.commit(decision)
        taken = decision.taken
        restored.restore(
            Candidates(*(getattr(plays, name)[taken] for name in Candidates.__slots__)),
            decision.first_of_track[taken],
            decision.first_of_artist[taken],
        )
        for key, slices in decision.day_slices.items():
            restored.restore_day(*key, slices)
    plays = candidates(after, most, days)
    assert answers(restored.decide(plays)) == answers(running.decide(plays))


@given(batches, st.lists(play, max_size=30), st.integers(1, 4), st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_a_forgotten_listener_was_never_there_and_the_others_stay(before, after, most, days):
    bounds, without = Bounds(LIVE), Bounds(LIVE)
    for batch in before:
        bounds.commit(bounds.decide(candidates(batch, most, days)))
        others = candidates([each for each in batch if each[0] != 2], most, days)
        without.commit(without.decide(others))
    bounds.forget_listener(2)
    assert bounds.days_of(2) == []
    plays = candidates(after, most, days)
    assert answers(bounds.decide(plays)) == answers(without.decide(plays))
    assert [len(each) for each in bounds._tables] == [len(each) for each in without._tables]


def test_deciding_twice_without_a_commit_says_the_same():
    bounds = Bounds(LIVE)
    plays = candidates([(1, 0, 1, 1), (1, 0, 1, 2), (1, 0, 1, 1)], 5, 5)
    assert answers(bounds.decide(plays)) == answers(bounds.decide(plays))


def test_forgets_slices_and_their_days_and_keeps_the_rest():
    bounds = Bounds(LIVE)
    plays = candidates([(1, 2, 1, 1), (1, 50, 1, 2), (1, 52, 1, 3)], 5, 2)
    bounds.commit(bounds.decide(plays))
    assert bounds.forget_before(25 * HOUR_MS) == [(0, 1)]
    again = bounds.decide(plays).verdict.tolist()
    assert again == [Verdict.TAKEN, Verdict.DUPLICATE, Verdict.DUPLICATE]


def test_keeps_no_slices_of_days_where_the_bound_can_cut_nothing():
    bounds = Bounds(HISTORY)
    assert bounds.decide(candidates([(1, 2, 1, 1)], 5, 1)).day_slices == {}


def test_a_million_listens_take_less_than_120_bytes_each():
    bounds, rng = Bounds(LIVE), np.random.default_rng(1)
    for _ in range(10):
        n = 100_000
        track = rng.integers(0, 2**62, n).astype(np.uint64)
        plays = Candidates(
            rng.integers(0, 50_000, n),
            rng.integers(0, HOUR_MS, n),
            rng.integers(0, 2**62, n).astype(np.uint64),
            track,
            track,
            np.full(n, 1000),
            np.full(n, 24),
        )
        bounds.commit(bounds.decide(plays))
    assert bounds.nbytes < 120 * 1_000_000
