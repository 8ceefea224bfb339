"""Asking, and keeping what was answered last for when nobody answers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sottovoce.client import (
    Client,
    QueryError,
    ServiceFault,
    TooManyQuestions,
    Unavailable,
)

_AWAY = (Unavailable, ServiceFault, TooManyQuestions)


@dataclass(frozen=True, slots=True)
class Answer[Value]:
    """What is known in answer to a question.

    Attributes:
        value: the answer; None where there is none.
        at: when it was given.
        problem: why there is no newer one; None for a new one.
    """

    value: Value | None = None
    at: datetime | None = None
    problem: QueryError | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it is an earlier answer, because nobody answers now."""
        return self.value is not None and self.problem is not None


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer in memory.

    Attributes:
        about: what was asked, where the same place of a page can ask several things.
        value: the answer.
        at: when it was given.
    """

    about: Hashable
    value: Any
    at: datetime


@dataclass(slots=True)
class Memory:
    """What a session remembers between runs.

    Attributes:
        kept: the last answer at each place of a page.
        away_since: when the service was first found away; None while it answers.
        last_answer: when it answered last.
    """

    kept: MutableMapping[str, Kept]
    away_since: datetime | None = None
    last_answer: datetime | None = None


class Asker:
    """Asks the questions of one run of a page.

    Once the service was found away, the rest of the run asks nothing more: one time-out is enough.

    Args:
        client: the service.
        memory: of the session.
        now: the clock.
    """

    def __init__(self, client: Client, memory: Memory, now: Callable[[], datetime]) -> None:
        self._client = client
        self._memory = memory
        self._now = now
        self._away: QueryError | None = None

    def ask[Value](
        self, place: str, question: Callable[[Client], Value], about: Hashable = None
    ) -> Answer[Value]:
        """Ask, or fall back on what was answered last at this place to the same.

        Args:
            place: of the page, such as `live.tracks`.
            question: what to ask.
            about: what the reader chose; a kept answer to another choice is not shown.
        """
        if self._away is None:
            try:
                value = question(self._client)
            except _AWAY as error:
                self._away = error
                self._memory.away_since = self._memory.away_since or self._now()
            except QueryError as error:
                return Answer(problem=error)
            else:
                at = self._now()
                self._memory.kept[place] = Kept(about, value, at)
                self._memory.last_answer = at
                self._memory.away_since = None
                return Answer(value, at)
        kept = self._memory.kept.get(place)
        if kept is None or kept.about != about:
            return Answer(problem=self._away)
        return Answer(kept.value, kept.at, self._away)

    @property
    def away(self) -> QueryError | None:
        """Why nobody answers; None while somebody does."""
        return self._away

    @property
    def memory(self) -> Memory:
        """What the session remembers."""
        return self._memory
