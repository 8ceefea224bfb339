"""Sybils that crowd around a victim in the sample: made-up rows come from released figures alone.

Where rows are real, k - 1 Sybils who play the victim's track make its group large enough to show.
"""

import numpy as np
from scipy.stats import beta
from tests.memory_log import SharedLog
from tests.privacy.made_up_gate import START, Heard, World, small_world

from sottovoce.privacy import Noise, half_width, k_anonymous_rows
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.figures import SURELY

VICTIM, RARE, BOUND, RUNS, RISK = 0, 33, 2, 80, 5e-7
SYNTHETIC = query_pb2.SAMPLE_KIND_SYNTHETIC
SHARES = {"tracks": 0.4, "countries": 0.2, "genres": 0.2}
NEAR = half_width([Noise.laplace(0.4, BOUND)], SURELY)
"""Tracks with more plays than this are sampled: the Sybils bring the rare one right below it."""


def crowded(with_victim):
    """Nobody but the victim and the Sybils played the rare track; others played another one."""
    sybils = np.arange(1, NEAR // BOUND + 1)
    near = np.repeat(np.append(VICTIM, sybils) if with_victim else sybils, BOUND)
    who = np.append(near, np.repeat(np.arange(1_000, 1_200), BOUND))
    songs = np.where(who < 1_000, RARE, 0)
    return Heard(who, songs, np.arange(len(who)), np.ones(len(who), np.int64))


def shown(with_victim):
    """In how many samples of 200 rows, each by another ledger, the rare track is."""
    world = World([crowded(with_victim)], bound=BOUND)
    key = int(world.catalogue.keys[RARE])
    found = 0
    for _ in range(RUNS):
        gate = world.replica(SharedLog(opened_at_ms=START), privacy_live_shares=SHARES).gate
        found += any(
            row.track_key == key for row in gate.sample(world.range(), 200, SYNTHETIC).rows
        )
    return found


def given_away(with_victim, without):
    """A lower bound on epsilon, wrong once in a million."""
    lower = beta.ppf(RISK, with_victim, RUNS - with_victim + 1) if with_victim else 1e-300
    upper = beta.ppf(1 - RISK, without + 1, RUNS - without) if without < RUNS else 1.0
    return float(np.log(lower / upper))


def test_the_sample_reads_no_cell(monkeypatch):
    world = small_world()
    gate = world.replica().release_all().gate
    before = gate.sample(world.range(0, 1), 20, SYNTHETIC).rows
    monkeypatch.setattr(world.cells, "slice", None)
    assert gate.sample(world.range(0, 1), 20, SYNTHETIC).rows == before


def test_the_victim_changes_what_is_sampled_by_no_more_than_the_budget():
    assert given_away(shown(with_victim=True), shown(with_victim=False)) <= 1.0


def test_a_sample_of_exact_counts_is_caught(monkeypatch):
    """The defence removed: the victim's two plays decide."""
    monkeypatch.setattr(Noise, "add", lambda _, counts: np.asarray(counts, np.int64))
    assert given_away(shown(with_victim=True), shown(with_victim=False)) > 1.0


def test_k_less_one_sybils_do_uncover_a_real_row():
    """Why real rows are off by default and outside the second promise."""
    k = 10
    for people, is_shown in ((k, True), (k - 1, False)):
        rows = np.zeros(people, np.int64)
        assert k_anonymous_rows([rows], [np.arange(people)], k).any() == is_shown
