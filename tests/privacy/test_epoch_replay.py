"""A data set that is made again, with another epoch, does not buy new draws."""

from dataclasses import replace

import numpy as np
from tests.memory_log import SharedLog
from tests.privacy.made_up_gate import LIVE, START, World, draw_heard

from sottovoce_query.gate import Series


def worlds(same_log):
    """The same slices under two epochs, the second with a listener less."""
    heard = draw_heard(np.random.default_rng(6), 40, 300, 40)
    first = World([heard, heard])
    second = World([heard.without(3)] * 2, data_set=replace(LIVE, epoch=b"f" * 16))
    second.shared = first.shared if same_log else SharedLog(opened_at_ms=START)
    return first, second


def figures(world):
    gate = world.replica().gate
    return [
        gate.series(world.range(), Series("all"), "step").counts.tolist(),
        gate.tracks(world.range(0, 1), "plays").counts.tolist(),
        gate.distinct_listeners(world.range()),
    ]


def test_what_was_released_under_another_epoch_is_what_is_served_and_nothing_is_drawn():
    first, second = worlds(same_log=True)
    before = figures(first)
    written = len(first.shared.records)
    assert figures(second) == before
    assert len(first.shared.records) == written


def test_a_ledger_for_each_epoch_is_caught():
    """The defence removed."""
    first, second = worlds(same_log=False)
    assert figures(first) != figures(second)
