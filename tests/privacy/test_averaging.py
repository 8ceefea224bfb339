"""Asking again until the noise averages out, and taking differences of ranges that overlap."""

import numpy as np
import pytest
from tests.memory_log import SharedLog
from tests.privacy.made_up_gate import START, small_world

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.gate import Series

ASKED = 30
SYNTHETIC = query_pb2.SAMPLE_KIND_SYNTHETIC


@pytest.fixture
def world():
    return small_world()


def every_figure(gate, world):
    """Ask one question of each kind; return the answers' numbers."""
    one, two, half = world.range(0, 1), world.range(0, 2), world.panes(3, 7)
    step = world.panes(5, 10)
    found = [
        *(gate.plays(each).value for each in (one, two, half)),
        *gate.genres(half).counts,
        *gate.countries(half).counts,
        *gate.tracks(one, "plays").counts,
        *gate.tracks(step, "plays").counts,
        *gate.tracks(one, "firsts_of_track").counts,
        *gate.artists(one, "plays").counts,
        *gate.artists(one, "firsts_of_artist").counts,
        *(gate.distinct_listeners(each).value for each in (one, two)),
        *(gate.distinct_tracks(each).value for each in (one, two)),
        *(gate.distinct_artists(each).value for each in (one, two)),
        *(each.value for each in gate.correlations(one)[0]),
        *gate.series(half, Series("new_listeners"), "step").counts,
        *(hash(row) for row in gate.sample(one, 50, SYNTHETIC).rows),
    ]
    return [-9.0 if np.isnan(each) else float(each) for each in found]


def test_the_same_question_gets_the_same_answer_as_often_as_anybody_asks(world):
    gate = world.replica().gate
    first = every_figure(gate, world)
    written = len(world.shared.records)
    assert all(every_figure(gate, world) == first for _ in range(ASKED))
    assert len(world.shared.records) == written


def test_another_replica_and_a_restarted_one_give_the_same_answer(world):
    first = every_figure(world.replica().gate, world)
    assert all(every_figure(world.replica().gate, world) == first for _ in range(3))


def test_with_a_ledger_that_forgets_answers_average_to_the_truth(world):
    """The defence removed: each question finds a log in which nothing was released yet."""
    truth = int(world.cells.slice(world.starts[0]).pane_plays.sum())

    def asked(replica):
        return int(replica.gate.tracks(world.range(0, 1), "plays").counts.sum())

    forgetful = [asked(world.replica(SharedLog(opened_at_ms=START))) for _ in range(60)]
    kept = [asked(world.replica()) for _ in range(5)]
    error = np.std(forgetful) / np.sqrt(len(forgetful))
    assert abs(np.mean(forgetful) - truth) < 6 * error  # by chance once in a hundred million
    assert len(set(forgetful)) > 30
    assert len(set(kept)) == 1


def test_ranges_that_overlap_differ_by_what_was_released_for_the_difference(world):
    """The pane between two ranges has one figure, whichever ranges it is the difference of."""
    gate = world.replica().gate
    panes = gate.series(world.range(), Series("all"), "step").counts
    for first, stop in ((0, 7), (2, 7), (6, 7), (6, 20), (0, 30)):
        with_it = gate.series(world.panes(first, stop), Series("all"), "step").counts.sum()
        inside = [each for each in range(first, stop) if each != 6]
        assert with_it - panes[inside].sum() == panes[6]
    genres = gate.genres(world.panes(0, 7)).counts - gate.genres(world.panes(0, 6)).counts
    assert genres.tolist() == gate.genres(world.panes(6, 7)).counts.tolist()


def test_differences_of_unions_pay_for_each_union_with_its_own_noise(world):
    """Two unions are two releases, and every slice pays for each that it is in."""
    replica = world.replica()
    before = replica.ledger.account("live", world.starts[0])
    replica.gate.distinct_listeners(world.range(0, 2))
    replica.gate.distinct_listeners(world.range(0, 3))
    spent = [replica.ledger.account("live", start).reserve for start in world.starts]
    assert before.reserve == 0
    assert spent[0] == spent[1] == 2 * spent[2] > 0
