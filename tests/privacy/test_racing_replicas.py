"""Two replicas that answer at one instant: the log's order decides, and both serve what it says."""

import pytest
from tests.privacy.made_up_gate import small_world

from sottovoce_query.errors import QuestionError
from sottovoce_query.gate import Series


@pytest.fixture
def world():
    return small_world()


def series_of(replica, world):
    return replica.gate.series(world.range(0, 1), Series("all"), "step").counts.tolist()


def race(first, second, ask):
    """Let the second ask when the first has drawn, but not yet written."""
    answers = []

    def rival():
        first.log.before_write = lambda: None
        answers.append(ask(second))

    first.log.before_write = rival
    return ask(first), answers[0]


def test_the_same_question_at_the_same_instant_has_one_answer_and_one_charge(world):
    first, second = world.replica(), world.replica()
    mine, theirs = race(first, second, lambda replica: series_of(replica, world))
    assert mine == theirs
    accounts = [each.ledger.account("live", world.starts[0]) for each in (first, second)]
    alone = small_world()
    series_of(quiet := alone.replica(), alone)
    assert accounts == [quiet.ledger.account("live", world.starts[0])] * 2


def test_a_replica_that_serves_its_own_draw_is_caught(world):
    """The defence removed: what was drawn is served, not what was read back."""
    first, second = world.replica(), world.replica()
    release = first.log.release

    def and_keep(made):
        verdicts = release(made)
        for record, body in made:
            first.shelf.put(record, body.to_bytes())
        return verdicts

    first.log.release = and_keep
    mine, theirs = race(first, second, lambda replica: series_of(replica, world))
    assert mine != theirs


def test_two_that_race_for_the_last_of_a_reserve_spend_it_once(world):
    """Seven of eight questions are paid: each of the two sees room for one more."""
    first, second = world.replica(), world.replica()
    ranges = [world.range(0, 2), world.range(0, 3)]
    questions = [("listeners", each) for each in ranges]
    questions += [(kind, each) for kind in ("tracks", "artists") for each in ranges]

    def ask(replica, kind, asked):
        return getattr(replica.gate, f"distinct_{kind}")(asked)

    for question in questions:
        ask(first, *question)
    account = first.ledger.account("live", world.starts[1])
    assert account.reserve == account.budget.reserve * 6 / 8
    ask(first, "tracks", world.range(1, 3))
    second.releasing.engine.follow()

    def rival():
        first.log.before_write = lambda: None
        ask(second, "artists", world.range(1, 3))

    first.log.before_write = rival
    with pytest.raises(QuestionError) as refused:
        ask(first, "listeners", world.range(1, 3))
    assert refused.value.reason == "BUDGET_SPENT"
    second.releasing.engine.follow()
    for replica in (first, second):
        account = replica.ledger.account("live", world.starts[1])
        assert account.reserve == account.budget.reserve
