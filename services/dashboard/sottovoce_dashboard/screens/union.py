"""What is different over several slices at once: asked at a button, because each slice pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import streamlit as st

from sottovoce.client import BudgetSpent, Client, Count, SliceBudget, TimeRange
from sottovoce_dashboard import wording
from sottovoce_dashboard.asking import Answer
from sottovoce_dashboard.drawing import caption, figure, has_value
from sottovoce_dashboard.page import Page

_QUESTIONS: Final[dict[str, Callable[[Client, str, TimeRange], Count]]] = {
    "Listeners": Client.distinct_listeners,
    "Tracks": Client.distinct_tracks,
    "Artists": Client.distinct_artists,
}
_MOST_SLICES: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question as it was paid for: the range stands still while the page refreshes."""

    what: str
    range: TimeRange
    answer: Answer[Count]


def show(page: Page, asked: TimeRange) -> None:
    """Offer to count what is different over a whole range, and show what was answered.

    Args:
        page: where.
        asked: whole slices.
    """
    st.subheader("Different over the whole range")
    slices = asked.length // page.known.slice
    choose, press = st.columns([1, 2], vertical_alignment="bottom")
    with choose:
        what = st.segmented_control(
            "Count", list(_QUESTIONS), default="Listeners", required=True, key=page.key("what")
        )
    free = slices == 1 or not page.is_charged
    with press:
        pressed = st.button(
            "Count" if free else f"Count, and charge {slices:,} slices",
            key=page.key("ask"),
            icon=":material/calculate:" if free else ":material/toll:",
        )
    if not free:
        _tell_price(page, asked, slices)
    held: _Asked | None = st.session_state.get(page.key("asked"))
    if pressed and what:
        question = _QUESTIONS[what]
        answer = page.ask(
            "union", lambda client: question(client, page.data_set, asked), (what, asked)
        )
        held = st.session_state[page.key("asked")] = _Asked(what, asked, answer)
    if held is not None:
        _draw(held)


def _draw(held: _Asked) -> None:
    if isinstance(held.answer.problem, BudgetSpent):
        st.warning(
            f"Not counted: {held.answer.problem}. Nothing was charged.", icon=":material/toll:"
        )
    elif has_value(held.answer) and held.answer.value is not None:
        found = held.answer.value
        column, _ = st.columns([1, 2])
        with column:
            over = wording.time_range(held.range)
            figure(f"Different {held.what.lower()}", found.count, over)
        caption(found.basis, "The same question has the same answer, free.", [found.count])


def _tell_price(page: Page, asked: TimeRange, slices: int) -> None:
    said = (
        f"This question is outside the plan, so it costs budget: each of the {slices:,} slices "
        "pays a part of its reserve, which never comes back. It is asked only when you press."
    )
    budget = page.ask(
        "reserve", lambda client: client.budget(page.data_set, _MOST_SLICES), page.data_set
    )
    if budget.value is not None:
        within = [
            each
            for of in budget.value.data_sets
            for each in of.slices
            if asked.start <= each.start < asked.end
        ]
        said += _least(within)
    st.caption(said)


def _least(slices: list[SliceBudget]) -> str:
    if not slices:
        return " None of them has spent anything yet."
    least = min(slices, key=lambda each: each.reserve_left)
    return (
        f" The one with the least left, from {wording.moment(least.start)}, has epsilon "
        f"{wording.epsilon(least.reserve_left)} for questions."
    )
