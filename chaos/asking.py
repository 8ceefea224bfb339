"""Somebody who asks every replica all the time, and remembers what was answered."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sottovoce.client import Client, QueryError, Series, TimeRange
from sottovoce.client.errors import BudgetSpent, NoBudget

Address = Callable[[], Client]
"""Makes a client of a replica: a new connection, which has not learnt to wait."""

_QUESTIONS: Final[dict[str, Callable[[Client, TimeRange], Any]]] = {
    "series": lambda client, asked: client.series("live", asked, Series.all()),
    "new listeners": lambda client, asked: client.series("live", asked, Series.new_listeners()),
    "genres": lambda client, asked: client.genres("live", asked),
    "countries": lambda client, asked: client.countries("live", asked),
    "top tracks": lambda client, asked: client.top_tracks("live", asked, size=20),
    "listeners": lambda client, asked: client.distinct_listeners("live", asked),
    "tracks": lambda client, asked: client.distinct_tracks("live", asked),
}
_MOST_SLICES: Final = 3
_MOST_QUESTIONS: Final = 300
_PAUSE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Question:
    """One question about whole slices of `live`."""

    what: str
    start: datetime
    slices: int


class Asker(threading.Thread):
    """Asks until told to stop.

    Args:
        replicas: how to reach each.
        seed: decides what is asked whom.

    Attributes:
        answers: every different answer to each question, refusals for want of budget among them.
        answered: how many answers there were.
    """

    def __init__(self, replicas: dict[str, Address], seed: int) -> None:
        super().__init__(name="asker", daemon=True)
        self.answers: dict[Question, set[str]] = defaultdict(set)
        self.answered = 0
        self._replicas = replicas
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._slice = timedelta()

    def run(self) -> None:
        """Ask until told to stop."""
        while not self._over.wait(_PAUSE):
            replica = self._replicas[self._chance.choice(list(self._replicas))]
            with replica() as client:
                try:
                    question = self._choose(client)
                except QueryError:
                    continue
                if question is not None:
                    self._ask(client, question)

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        self.join()

    def ask_again(self) -> int:
        """Ask every replica everything once more; return how many questions found no answer."""
        unanswered = 0
        for replica in self._replicas.values():
            with replica() as client:
                unanswered += sum(not self._ask(client, each) for each in list(self.answers))
        return unanswered

    @property
    def differing(self) -> list[Question]:
        """Questions that were answered in more than one way."""
        return [question for question, seen in self.answers.items() if len(seen) > 1]

    def _choose(self, client: Client) -> Question | None:
        if len(self.answers) >= _MOST_QUESTIONS or (self.answers and self._chance.random() < 0.5):
            return self._chance.choice(list(self.answers))
        status = client.status().data_sets["live"]
        self._slice = status.slice
        if status.first_slice is None or status.complete_through is None:
            return None
        there = (status.complete_through - status.first_slice) // status.slice
        if there < 1:
            return None
        slices = self._chance.randint(1, min(_MOST_SLICES, there))
        first = self._chance.randint(0, there - slices)
        what = self._chance.choice(list(_QUESTIONS))
        return Question(what, status.first_slice + first * status.slice, slices)

    def _ask(self, client: Client, question: Question) -> bool:
        asked = TimeRange(question.start, question.start + question.slices * self._slice)
        try:
            told = repr(_QUESTIONS[question.what](client, asked))
        except (BudgetSpent, NoBudget) as error:
            told = f"refused: {error.reason}"
        except QueryError:
            return False  # nobody is there, or the slice is not complete
        self.answers[question].add(told)
        self.answered += 1
        return True
