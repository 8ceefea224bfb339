"""A ledger that was lost, cut short or made anew refuses; no slice gets a second budget."""

import time
from itertools import pairwise

import numpy as np
import pytest
from tests.privacy.made_up_gate import content_of, draw_heard, small_world
from tests.privacy.real_gate import LIVE, RealLog, settings_of
from tests.unit.query.crowd import make_catalogue

from sottovoce.data_sets import opening
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.kafka import Topics
from sottovoce.ledger import LedgerView, TornLedgerError
from sottovoce_query.errors import QuestionError
from sottovoce_query.gate import Series


def figures(gate, asked):
    return gate.series(asked, Series("all"), "step").counts.tolist()


@pytest.mark.parametrize("kept", [2, 5, 20])
def test_a_ledger_that_lost_its_tail_refuses(kept):
    world = small_world()
    world.replica().release_all()
    cut_short(world, kept)
    with pytest.raises(TornLedgerError, match="lost records"):
        world.replica()


def cut_short(world, kept):
    """Lose all but the first records of `charges`, and no record of `releases`."""
    seen = 0
    records = []
    for record in world.shared.records:
        seen += record[0] == "charges"
        if record[0] != "charges" or seen <= kept:
            records.append(record)
    world.shared.records = records


def test_a_replica_that_goes_on_with_a_torn_ledger_is_caught(monkeypatch):
    """The defence removed: bodies whose charges are gone are nobody's, and are drawn again."""
    world = small_world()
    before = figures(world.replica().release_all().gate, world.range())
    cut_short(world, 5)
    monkeypatch.setattr(LedgerView, "require_whole", lambda _: None)
    assert figures(world.replica().gate, world.range()) != before


@pytest.fixture
def real(broker, topic_prefix):
    random = np.random.default_rng(9)
    heard = [draw_heard(random, 40, 300, 40, LIVE) for _ in range(2)]
    catalogue = make_catalogue()
    cells = [lambda at, each=each: content_of(each, catalogue, at, LIVE) for each in heard]
    return RealLog(settings_of(broker, topic_prefix), cells)


def delete(real, *topics):
    admin = real.settings.admin()
    for deleted in admin.delete_topics(list(topics)).values():
        deleted.result(30)
    deadline = time.monotonic() + 30
    while set(topics) & set(admin.list_topics(timeout=10).topics):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("clock", ["right", "moved back"])
@pytest.mark.parametrize("lost", ["charges", "charges and releases"])
def test_slices_from_before_a_ledger_was_made_anew_have_no_budget(real, lost, clock, monkeypatch):
    first = real.materialiser()
    before = figures(first.sources.by_name["live"].gate, real.range())
    first.close()
    topics = Topics(real.settings.kafka_topic_prefix)
    names = [topics.charges] + [topics.releases] * (lost != "charges")
    delete(real, *names)
    with monkeypatch.context() as patch:
        if clock == "moved back":
            now_ns = time.time_ns()
            patch.setattr(time, "time_ns", lambda: now_ns - 10**6 * DAY_MS)
        real.create()
    second = real.materialiser()
    try:
        gate = second.sources.by_name["live"].gate
        for start, stop in pairwise(range(len(real.starts) + 1)):
            with pytest.raises(QuestionError) as refused:
                figures(gate, real.range(start, stop))
            assert refused.value.reason == "NO_BUDGET"
        with pytest.raises(QuestionError, match="ledger"):
            gate.distinct_listeners(real.range())
        assert len(second.releasing.shelf) == 0
        assert before
    finally:
        second.close()


def test_a_ledger_opened_by_the_clock_alone_is_caught(real, monkeypatch):
    """The defence removed: a clock that was moved back gives released slices a budget again."""
    first = real.materialiser()
    before = figures(first.sources.by_name["live"].gate, real.range())
    first.close()
    delete(real, Topics(real.settings.kafka_topic_prefix).charges)
    with monkeypatch.context() as patch:
        patch.setattr(opening, "_reached", lambda *_: real.starts[0])
        real.create()
    second = real.materialiser()
    try:
        assert figures(second.sources.by_name["live"].gate, real.range()) != before
    finally:
        second.close()
