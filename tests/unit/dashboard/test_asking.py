from collections import OrderedDict

import pytest
from tests.unit.dashboard.made_up import NOON, SECOND

from sottovoce.client import BadQuestion, NotComplete, ServiceFault, TooManyQuestions, Unavailable
from sottovoce_dashboard.asking import Answer, Asker, Memory


class Service:
    """A client that answers with what it is told, or raises it."""

    def __init__(self):
        self.told = "first"
        self.asked = 0

    def question(self):
        self.asked += 1
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def memory():
    return Memory(OrderedDict())


def asker(service, memory, second=0):
    return Asker(service, memory, lambda: NOON + second * SECOND)


def test_an_answer_has_its_time_and_no_problem(service, memory):
    assert asker(service, memory).ask("here", Service.question) == Answer("first", NOON)


@pytest.mark.parametrize("away", [Unavailable("x"), ServiceFault("x"), TooManyQuestions("x")])
def test_what_was_answered_last_stays_while_nobody_answers(service, memory, away):
    asker(service, memory).ask("here", Service.question)
    service.told = away
    kept = asker(service, memory, 5).ask("here", Service.question)
    assert (kept.value, kept.at, kept.problem) == ("first", NOON, away)
    assert kept.is_kept
    assert memory.away_since == NOON + 5 * SECOND


def test_away_since_is_when_it_was_first_found_and_ends_with_an_answer(service, memory):
    service.told = Unavailable("x")
    for second in (1, 2):
        asker(service, memory, second).ask("here", Service.question)
    assert memory.away_since == NOON + SECOND
    service.told = "back"
    assert asker(service, memory, 3).ask("here", Service.question).value == "back"
    assert memory.away_since is None


def test_one_run_waits_for_an_absent_service_only_once(service, memory):
    service.told = Unavailable("x")
    run = asker(service, memory)
    for place in "abc":
        assert run.ask(place, Service.question).value is None
    assert service.asked == 1


def test_an_answer_to_another_choice_is_not_shown(service, memory):
    asker(service, memory).ask("here", Service.question, about="jazz")
    service.told = Unavailable("x")
    assert asker(service, memory).ask("here", Service.question, about="dub").value is None
    assert asker(service, memory).ask("here", Service.question, about="jazz").is_kept


@pytest.mark.parametrize("wrong", [BadQuestion("x"), NotComplete("x")])
def test_a_question_that_has_no_answer_shows_no_earlier_one(service, memory, wrong):
    asker(service, memory).ask("here", Service.question)
    service.told = wrong
    run = asker(service, memory)
    assert run.ask("here", Service.question) == Answer(problem=wrong)
    assert run.away is None
