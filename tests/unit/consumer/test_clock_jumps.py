"""The broker's clock jumps an hour forward and back: what counts, and that it counts alike."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
from tests.made_up_listens import LogWithoutKafka, as_messages, contents, make_listens

from sottovoce.data_sets.data_set import HOUR_MS, MINUTE_MS, PROFILES
from sottovoce.data_sets.terms import Terms
from sottovoce.wire.listens import listen_keys
from sottovoce_consumer.admission import Admission

START = 480_000 * HOUR_MS
LIVE = dataclasses.replace(PROFILES["standard"]["live"], shards=1, epoch=b"e" * 16)
TERMS = Terms("live", listens_per_slice=4)
RULES = Admission(LIVE, (TERMS,))


def log_of(jump_ms):
    """Two hours of listens; for the middle third the broker's stamps are off."""
    listens = make_listens(3, 6_000, from_ms=START, to_ms=START + 2 * HOUR_MS)
    listens = listens[np.argsort(listens["end_time_ms"])]
    append = listens["end_time_ms"].astype(np.int64) + np.arange(len(listens)) % (7 * MINUTE_MS)
    append[2_000:4_000] += jump_ms
    return listens, append


@pytest.mark.parametrize("jump_ms", [HOUR_MS, -HOUR_MS], ids=["forward", "back"])
def test_a_jump_refuses_what_its_stamps_say_and_nothing_else(jump_ms):
    listens, append = log_of(jump_ms)
    view = LogWithoutKafka(LIVE, RULES, as_messages(listens, append)).run([1_500, 3_000])
    behind = append - listens["end_time_ms"].astype(np.int64)
    in_bounds = listens["ordinal"] < TERMS.listens_per_slice
    late, future = behind > TERMS.lateness_ms, -behind > TERMS.future_ms
    assert int((late if jump_ms > 0 else future)[2_000:4_000].sum()) == 2_000
    assert view.progress.admitted == int((in_bounds & ~late & ~future).sum())
    refused = sum(each.count for each in view.progress.refused)
    assert view.progress.admitted + refused == len(listens)


@pytest.mark.parametrize("jump_ms", [HOUR_MS, -HOUR_MS], ids=["forward", "back"])
def test_batches_and_crashes_about_a_jump_change_no_cell_and_no_letter(jump_ms):
    listens, append = log_of(jump_ms)
    messages = as_messages(listens, append)
    whole = LogWithoutKafka(LIVE, RULES, messages)
    expected = whole.run()
    chance = random.Random(jump_ms)
    for _ in range(5):
        log = LogWithoutKafka(LIVE, RULES, messages, deltas_per_base=3)
        for cut in sorted(chance.sample(range(1, len(messages)), 12)):
            log.batch(cut, chunk=chance.randrange(100, 900), tasks=chance.randrange(1, 4))
            log.restart()
        view = log.run()
        assert contents(view) == contents(expected)
        assert view.index.keys() == {int(block) for block in append // HOUR_MS}
        for listen, block in zip(listens[::50], append[::50] // HOUR_MS, strict=True):
            assert view.index[int(block)].may_hold(listen_keys(listen.reshape(1))[0][:16])
        assert sorted(log.dead) == sorted(whole.dead)


def test_time_that_was_complete_stays_complete_when_the_clock_comes_back():
    listens, append = log_of(HOUR_MS)
    log = LogWithoutKafka(LIVE, RULES, as_messages(listens, append))
    log.batch(4_000)
    ahead = log.view().complete_through_ms
    before = log.view().progress.admitted
    assert ahead > int(listens["end_time_ms"][4_000])
    log.batch(log.end)
    view = log.view()
    assert view.complete_through_ms >= ahead
    assert view.progress.admitted > before  # panes that were complete still count what is in time
