"""Another noise for a series that was begun: its later draws are those that were paid for."""

from dataclasses import replace

import pytest
from tests.privacy.made_up_gate import small_world

from sottovoce.privacy import Held, Reason, ledger
from sottovoce_query.releases import statistic as statistics
from sottovoce_query.releases.engine import BudgetRefusedError


@pytest.fixture
def world():
    return small_world()


def noises(replica, world):
    return {
        replica.desk.draws(statistics.GENRES, world.starts[0], [number])[0].noise
        for number in range(world.data_set.panes_per_slice)
    }


def test_a_replica_with_a_larger_epsilon_goes_on_with_the_noise_that_was_paid(world):
    first = world.replica()
    first.desk.draws(statistics.GENRES, world.starts[0], [0])
    paid = first.ledger.account("live", world.starts[0])
    second = world.replica(privacy_epsilon=50.0, privacy_live_shares={"genres": 1.0})
    assert len(noises(second, world)) == 1
    assert second.ledger.account("live", world.starts[0]) == paid


def test_a_draw_with_less_noise_than_its_series_was_begun_with_is_refused(world):
    replica = world.replica()
    replica.desk.draws(statistics.GENRES, world.starts[0], [0])
    wanted = replica.desk.wanted(statistics.GENRES, world.starts[0], 1)
    quieter = replace(wanted, noise=replace(wanted.noise, scale=wanted.noise.scale / 10))
    with pytest.raises(BudgetRefusedError) as refused:
        replica.releasing.engine.make([quieter])
    assert refused.value.refused.reason is Reason.OTHER_NOISE
    assert not replica.desk.holds(statistics.GENRES, world.starts[0], 1)


def test_a_ledger_that_looks_at_the_first_draw_alone_is_caught(world, monkeypatch):
    """The defence removed: whatever noise later draws have, the series was paid."""
    monkeypatch.setattr(ledger, "_judge_again", lambda _, record: Held(record))
    replica = world.replica()
    replica.desk.draws(statistics.GENRES, world.starts[0], [0])
    wanted = replica.desk.wanted(statistics.GENRES, world.starts[0], 1)
    quieter = replace(wanted, noise=replace(wanted.noise, scale=wanted.noise.scale / 10))
    replica.releasing.engine.make([quieter])
    spent = replica.ledger.account("live", world.starts[0]).spent.epsilon
    assert sum((quieter.noise.charge.epsilon, wanted.noise.charge.epsilon)) > 5 * spent
