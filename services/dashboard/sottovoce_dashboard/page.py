"""The frame of every page: how fresh it is, how private, and a body that refreshes by itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import quote

import streamlit as st

from sottovoce.client import Client, DataSetStatus, Series, SeriesPoints, Status, TimeRange
from sottovoce.client.calls import SeriesGrain
from sottovoce_dashboard import freshness, ranges, style, wording
from sottovoce_dashboard.asking import Answer, Asker, Memory
from sottovoce_dashboard.ranges import Choice, Grain

_MOST_STEPS: Final = 720
_GRAINS: Final = {"pane": "pane", "ranking": "step of rankings", "slice": "slice"}


@dataclass(frozen=True, slots=True)
class View:
    """What a session looks at.

    Attributes:
        client: the query service.
        address: where it is, for people.
        memory: the session's last answers.
        data_set: the one chosen.
        data_sets: those that were known when the page was drawn.
        refresh: seconds between two looks.
    """

    client: Client
    address: str
    memory: Memory
    data_set: str
    data_sets: tuple[str, ...]
    refresh: float


@dataclass(frozen=True, slots=True)
class Page:
    """What a page's body gets: the way to ask, and where the data set stands.

    Attributes:
        name: of the page, such as `rankings`; begins the keys of its widgets.
        asker: of this run.
        address: of the query service.
        status: the last known.
        known: the chosen data set.
    """

    name: str
    asker: Asker
    address: str
    status: Status
    known: DataSetStatus

    @property
    def data_set(self) -> str:
        """The chosen data set's name."""
        return self.known.name

    def key(self, widget: str) -> str:
        """Return a widget's key: the same on each refresh, another for another data set."""
        return f"{self.name}-{self.data_set}-{widget}"

    def ask[Value](
        self, place: str, question: Callable[[Client], Value], about: Hashable = None
    ) -> Answer[Value]:
        """Ask at a place of this page."""
        return self.asker.ask(self.key(place), question, about)

    @property
    def is_charged(self) -> bool:
        """Whether questions outside the plan are paid for; one's own history costs nothing."""
        return self.status.privacy_mode != "personal"

    def ask_series(
        self,
        place: str,
        series: Series,
        asked: TimeRange,
        about: Hashable,
        most: int = _MOST_STEPS,
    ) -> Answer[SeriesPoints] | None:
        """Ask for a series over a range: step by step, by whole slices where that were too many.

        Args:
            place: of the page.
            series: which.
            asked: the range; its steps or slices that lie wholly in it are asked for.
            about: what the reader chose.
            most: how many steps are not too many.

        Returns:
            The answer; None where the range holds no whole step.
        """
        fine = ranges.grain_of(series)
        by_step = asked.length // ranges.step(self.known, fine) <= most
        over = ranges.whole(asked, self.known, fine if by_step else "slice")
        if not over.length:
            return None
        grain: SeriesGrain = "pane" if by_step else "slice"
        return self.ask(
            place, lambda client: client.series(self.data_set, over, series, grain), about
        )

    def choose_range(self, grain: Grain, slices: int = 20) -> tuple[Choice, TimeRange | None]:
        """Let the reader choose a range; return it, and what it amounts to now.

        Where nothing of it is complete, the reader is told.

        Args:
            grain: of the questions to come.
            slices: about how many the first choice shows.
        """
        offered = ranges.choices(self.known, grain)
        between = "Between two times"
        names = [*(str(each) for each in offered), between]
        first = names.index(str(ranges.default_choice(self.known, grain, slices)))
        chosen = st.selectbox("Range", names, first, key=self.key("range"))
        if chosen == between:
            choice = self._choose_times(grain)
        else:
            choice = next((each for each in offered if str(each) == chosen), ranges.EVERYTHING)
        asked = ranges.resolve(choice, self.known, grain)
        if asked is None:
            st.info(
                f"No whole {_GRAINS[grain]} of this range is complete yet. {self.known.waits_for}",
                icon=":material/hourglass_empty:",
            )
        return choice, asked

    def _choose_times(self, grain: Grain) -> Choice:
        there = ranges.extent(self.known, grain)
        now = datetime.now(UTC)
        start, end = (now, now) if there is None else (there.start, there.end)
        left, right = st.columns(2)
        with left:
            first = st.datetime_input(
                "From (UTC)", start.replace(tzinfo=None), key=self.key("from")
            )
        with right:
            last = st.datetime_input("To (UTC)", end.replace(tzinfo=None), key=self.key("to"))
        return Choice(between=(_utc(first, start), _utc(last, end)))


def show(view: View, name: str, title: str, lead: str, body: Callable[[Page], None]) -> None:
    """Draw a page, and go on drawing it.

    Args:
        view: what the session looks at.
        name: of the page, for keys.
        title: for people.
        lead: what the page answers, in a sentence.
        body: draws controls and answers.
    """
    st.title(title)
    st.markdown(lead)

    def drawn() -> None:
        asker = Asker(view.client, view.memory, lambda: datetime.now(UTC))
        status = asker.ask("status", Client.status)
        if status.value is not None and tuple(status.value.data_sets) != view.data_sets:
            st.rerun(scope="app")
        _head(view, status)
        if status.value is None or view.data_set not in status.value.data_sets:
            return
        with st.container(key="answers"):
            body(
                Page(name, asker, view.address, status.value, status.value.data_sets[view.data_set])
            )

    st.fragment(drawn, run_every=view.refresh)()


def _head(view: View, status: Answer[Status]) -> None:
    now = datetime.now(UTC)
    fresh = freshness.judge(status, view.data_set, view.memory, view.address, now)
    mode = "" if status.value is None else _privacy(status.value, view.data_set)
    greyed = style.KEPT_CSS if status.is_kept else ""
    st.html(
        f'<div role="status" class="sv-fresh"><span class="sv-badge sv-{fresh.state}">'
        f"{fresh.state}</span><span>{escape(fresh.sentence)}</span></div>"
        f'<p class="sv-privacy">{mode}</p><style>{greyed}</style>'
    )


def _privacy(status: Status, data_set: str) -> str:
    mode = escape(wording.privacy(status.privacy_mode))
    if not status.epsilon:
        return mode
    spent = escape(wording.budget(status.epsilon, status.delta))
    to = f"budget?data-set={quote(data_set)}"
    return f'{mode} <a href="{to}" target="_self" title="What this means">{spent}</a>'


def _utc(chosen: datetime | None, otherwise: datetime) -> datetime:
    return otherwise if chosen is None else chosen.replace(tzinfo=UTC)
