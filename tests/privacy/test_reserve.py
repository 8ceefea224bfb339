"""Draining the reserve: ad-hoc questions end, standing figures go on, nothing comes back."""

import itertools

import grpc
import pytest
from google.rpc import error_details_pb2
from tests.privacy.made_up_gate import small_world

from sottovoce.privacy import Pot, SliceAccount
from sottovoce_query.errors import QuestionError
from sottovoce_query.gate import Series

KINDS = ("distinct_listeners", "distinct_tracks", "distinct_artists")
SLICES = 6


@pytest.fixture
def world():
    return small_world(slices=SLICES)


def drain(gate, world):
    """Ask about every union of slices; return the answers and the refusals."""
    answers, refusals = {}, []
    for first, stop in itertools.combinations(range(SLICES + 1), 2):
        if stop - first < 2:
            continue
        for kind in KINDS:
            try:
                answers[kind, first, stop] = getattr(gate, kind)(world.range(first, stop))
            except QuestionError as error:
                refusals.append(error)
    return answers, refusals


def test_no_slice_pays_more_than_its_reserve_and_what_was_answered_stays_answered(world):
    replica = world.replica()
    answers, refusals = drain(replica.gate, world)
    assert refusals
    accounts = [replica.ledger.account("live", start) for start in world.starts]
    assert all(each.reserve <= each.budget.reserve for each in accounts)
    assert all(each.standing == 0 for each in accounts)
    for restarted in (replica, world.replica()):
        again, still = drain(restarted.gate, world)
        assert again == answers
        assert len(still) == len(refusals)


def test_who_drains_it_takes_nothing_of_what_was_promised_to_standing_figures(world):
    replica = world.replica()
    drain(replica.gate, world)
    replica.release_all()
    assert replica.gate.complete_through_ms == world.cells.complete_through_ms
    assert len(replica.gate.series(world.range(), Series("all"), "step").counts) == 10 * SLICES
    account = replica.ledger.account("live", world.starts[2])
    assert account.epsilon <= account.budget.epsilon
    assert account.left(Pot.STANDING) >= 0


def test_the_refusal_names_slice_need_and_left_and_when_new_budget_comes(world):
    _, refusals = drain(world.replica().gate, world)
    refused = refusals[-1]
    assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refused.reason == "BUDGET_SPENT"
    assert {"slice", "need", "left", "new_budget"} <= refused.metadata.keys()
    [quota] = [each for each in refused.details if isinstance(each, error_details_pb2.QuotaFailure)]
    assert refused.metadata["slice"] in quota.violations[0].subject


def test_a_ledger_that_refuses_nothing_is_caught(world, monkeypatch):
    """The defence removed: every charge fits."""
    monkeypatch.setattr(SliceAccount, "refuses", lambda *_: None)
    replica = world.replica()
    _, refusals = drain(replica.gate, world)
    accounts = [replica.ledger.account("live", start) for start in world.starts]
    assert not refusals
    assert any(each.reserve > each.budget.reserve for each in accounts)
