"""The law of cells: their content is a function of the multiset of admitted listens alone."""

from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.made_up_listens import (
    LogWithoutKafka,
    as_messages,
    compact,
    contents,
    indexes,
    make_listens,
    of_shard,
    read,
)

from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS, MINUTE_MS, DataSet
from sottovoce.data_sets.terms import Terms
from sottovoce_consumer.admission import Admission

START = 480_000 * HOUR_MS
LIVE = DataSet(
    "live",
    by_append_time=True,
    pane_ms=MINUTE_MS,
    slice_ms=HOUR_MS,
    shards=2,
    log_retention_ms=7 * DAY_MS,
    cell_retention_ms=6 * DAY_MS,
    epoch=b"e" * 16,
)
RULES = Admission(LIVE, (Terms("live", listens_per_slice=3),))

few = settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
cuts = st.lists(st.integers(1, 800), max_size=8)


def a_log(seed: int, size: int = 1_600):
    listens = of_shard(make_listens(seed, size, from_ms=START, to_ms=START + 3 * HOUR_MS), 0, 2)
    listens = listens[np.argsort(listens["end_time_ms"])]
    append = listens["end_time_ms"].astype(np.int64) + np.arange(len(listens)) * 997 % 400_000
    return listens, append


@few
@given(st.integers(0, 3), cuts, st.integers(1, 400), st.integers(1, 5), st.integers(1, 9))
def test_batches_and_tasks_change_no_cell_and_no_index(seed, cuts, chunk, tasks, per_base):
    listens, append = a_log(seed)
    messages = as_messages(listens, append)
    whole = LogWithoutKafka(LIVE, RULES, messages).run()
    assert len(whole.cells) == 3
    log = LogWithoutKafka(LIVE, RULES, messages, deltas_per_base=per_base)
    parts = log.run(cuts, chunk=chunk, tasks=tasks)
    assert contents(parts) == contents(whole)
    assert indexes(parts) == indexes(whole)
    assert parts.progress == whole.progress


@few
@given(st.integers(0, 3), st.randoms(use_true_random=False), cuts)
def test_order_changes_no_cell(seed, random, cuts):
    listens, append = a_log(seed)
    whole = LogWithoutKafka(LIVE, RULES, as_messages(listens, append)).run()
    order = list(range(len(listens)))
    random.shuffle(order)
    shuffled = as_messages(listens[order], append[order])
    assert contents(LogWithoutKafka(LIVE, RULES, shuffled).run(cuts)) == contents(whole)


@few
@given(
    st.integers(0, 3),
    cuts,
    st.sets(st.integers(0, 8)),
    st.integers(1, 6),
    st.integers(0, 3),
    st.floats(0, 1),
    st.booleans(),
)
def test_restarts_folds_and_compaction_change_no_cell(
    seed, cuts, crashes, per_base, folds, compacted, tombstones
):
    listens, append = a_log(seed)
    messages = as_messages(listens, append)
    whole = contents(LogWithoutKafka(LIVE, RULES, messages).run())
    log = LogWithoutKafka(LIVE, RULES, messages, deltas_per_base=per_base, max_folds=folds)
    for number, end in enumerate(sorted({*cuts, len(messages)})):
        if log.book.next_offset < end <= len(messages):
            log.batch(end)
        if number in crashes:
            log.restart()
    log.max_folds = 1_000
    if log.book.next_offset < len(messages):
        log.batch(len(messages))
    upto = int(compacted * len(log.written))
    after = read(LIVE, compact(log.written, upto, tombstones=tombstones))
    assert contents(after) == whole
    assert after.progress == log.book.view.progress


def test_cells_go_when_their_time_is_over_and_before_their_log():
    brief = dataclasses.replace(LIVE, log_retention_ms=2 * HOUR_MS, cell_retention_ms=HOUR_MS)
    rules = Admission(brief, RULES.terms)
    listens = of_shard(make_listens(1, 800, from_ms=START, to_ms=START + 6 * HOUR_MS), 0, 2)
    listens = listens[np.argsort(listens["end_time_ms"])]
    append = listens["end_time_ms"].astype(np.int64)
    log = LogWithoutKafka(brief, rules, as_messages(listens, append), deltas_per_base=3)
    view = log.run(range(20, 400, 20))
    assert sorted(view.cells) == [START + hour * HOUR_MS for hour in (4, 5)]
    block = START // HOUR_MS
    assert sorted(view.index) == [block + hour for hour in (3, 4, 5)]
    assert [view.index[each].is_closed for each in sorted(view.index)] == [True, True, False]
