from collections import OrderedDict

from tests.unit.dashboard.made_up import MINUTE, NOON, SECOND, history, live, status

from sottovoce.client import NotAllowed, Unavailable
from sottovoce_dashboard.asking import Answer, Memory
from sottovoce_dashboard.freshness import judge

NOW = NOON + 20 * SECOND


def judged(answer, data_set="live", memory=None, now=NOW):
    return judge(answer, data_set, memory or Memory(OrderedDict()), "host:1", now)


def answered(*data_sets):
    return Answer(status(*data_sets), NOW)


def test_live_says_through_when():
    told = judged(answered(live()))
    assert told.state == "live"
    assert told.sentence == "Complete through 23 Nov 2026 12:00:14 UTC, 6 seconds ago."


def test_a_quiet_consumer_makes_it_stale():
    told = judged(answered(live()), now=NOW + MINUTE)
    assert told.state == "stale"
    assert "committed nothing for 1 minute 5 seconds" in told.sentence


def test_sealed_history_is_never_stale():
    told = judged(answered(history()), "history")
    assert (told.state, told.sentence) == ("sealed", "Sealed through 12 Nov 2026.")


def test_before_anything_is_complete_it_waits_and_says_why():
    told = judged(answered(live(complete_through=None)))
    assert told.state == "waiting"
    assert told.sentence.endswith("It waits.")
    assert judged(answered(live()), "history").state == "waiting"


def test_a_dashboard_that_is_not_let_in_says_so_and_not_that_nobody_answers():
    told = judged(Answer(problem=NotAllowed("a token is needed", reason="CREDENTIALS_MISSING")))
    assert told.state == "down"
    assert told.sentence == (
        "The query service at host:1 does not let the dashboard in: a token is needed."
    )


def test_down_says_since_when_and_of_when_the_answers_below_are():
    memory = Memory(OrderedDict(), away_since=NOON, last_answer=NOON - 2 * SECOND)
    told = judged(Answer(status(live()), NOON, Unavailable("gone")), memory=memory)
    assert told.state == "down"
    assert told.sentence == (
        "The query service at host:1 does not answer. Away since 12:00 UTC. "
        "Shown below: answers of 23 Nov 2026 11:59:58 UTC. Asking again by itself."
    )


def test_down_from_the_start_has_nothing_to_show():
    told = judged(Answer(problem=Unavailable("still reading", reason="NOT_READY")))
    assert told.state == "down"
    assert "is starting" in told.sentence
    assert "no earlier answer" in told.sentence
