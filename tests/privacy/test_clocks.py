"""Clocks moved back: no slice gets a second allowance, no release is drawn twice."""

import time

import pytest
from tests.privacy.made_up_gate import START, small_world

from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.privacy import Allowance, Held, Ledger, Reason
from sottovoce_query.gate import Series
from sottovoce_query.releases import plans, releasing


def at(monkeypatch, now_ms):
    monkeypatch.setattr(time, "time_ns", lambda: now_ms * 1_000_000)


def figures(replica, world):
    return replica.gate.series(world.range(), Series("all"), "step").counts.tolist()


@pytest.fixture
def world():
    return small_world()


@pytest.mark.parametrize("back_ms", [1, 60_000, 40 * DAY_MS])
def test_a_larger_budget_written_by_a_clock_that_runs_back_is_for_slices_to_come(
    world, monkeypatch, back_ms
):
    at(monkeypatch, START + 200_000)
    first = world.replica().release_all()
    before = [first.ledger.account("live", start) for start in world.starts]
    at(monkeypatch, START + 200_000 - back_ms)
    second = world.replica(privacy_epsilon=50.0).release_all()
    assert [second.ledger.account("live", start) for start in world.starts] == before
    assert figures(second, world) == figures(first, world)
    latest = second.ledger.latest_allowance("live")
    assert latest.budget.epsilon == 50
    assert latest.from_ms > max(world.starts)


def test_an_allowance_that_reaches_back_does_not_hold_whoever_wrote_it(world):
    replica = world.replica().release_all()
    held = replica.ledger.latest_allowance("live")
    for from_ms in (START, world.starts[-1]):
        forged = Allowance(held.ledger, "live", from_ms, held.plan, 100)
        assert replica.ledger.judge(forged).reason is Reason.TOO_LATE


def test_a_ledger_that_lets_allowances_reach_back_is_caught(world, monkeypatch):
    """The defence removed: the newest allowance of a slice counts, whenever it was written."""
    replica = world.replica().release_all()
    before = figures(replica, world)
    start = world.starts[0]
    plan = plans.plan_of(50.0, 1e-9, {"reserve": 1.0})
    generous = Allowance(replica.ledger.opening.ledger, "live", START, plan, 8)
    monkeypatch.setattr(Ledger, "judge", lambda _, record: _held(record))
    replica.log.allow([generous])
    replica.ledger._accounts.clear()
    assert figures(replica, world) == before
    assert replica.ledger.account("live", start).budget.epsilon == 50
    assert replica.ledger.account("live", start).spent.epsilon == 0


def _held(record):
    return Held(record)


def test_what_was_released_before_the_clock_ran_back_is_released_once(world, monkeypatch):
    at(monkeypatch, START + 300_000)
    first = world.replica().release_all()
    written = len(world.shared.records)
    at(monkeypatch, START - DAY_MS)
    world.cells.complete_through_ms -= 30_000  # as a new process finds it that has read less
    second = world.replica().release_all()
    world.cells.complete_through_ms += 30_000
    second.release_all()
    assert len(world.shared.records) == written
    assert figures(second, world) == figures(first, world)


def test_when_a_release_was_made_decides_nothing(world):
    """Records of one ledger, stamped forwards and backwards: the same verdicts."""
    replica = world.replica()
    times = iter(range(10**6, 0, -1))
    replica.releasing.engine._clock_ms = lambda: next(times)
    replica.release_all()
    other = small_world()
    quiet = other.replica().release_all()
    for start in world.starts:
        assert replica.ledger.account("live", start) == quiet.ledger.account("live", start)


def test_the_shelf_keeps_live_releases_longer_than_the_longest_window():
    assert releasing._KEPT_MS > 30 * DAY_MS
