"""How plays divide over genres and countries."""

from __future__ import annotations

import streamlit as st

from sottovoce.client import TimeRange
from sottovoce_dashboard import tables, wording
from sottovoce_dashboard.charts.ranked_bars import ranked_bars
from sottovoce_dashboard.drawing import caption, chart, has_value
from sottovoce_dashboard.page import Page, View
from sottovoce_dashboard.page import show as show_page
from sottovoce_dashboard.ranges import Choice

_MOST = 25


def show(view: View) -> None:
    """Draw the page."""
    show_page(
        view,
        "distributions",
        "Distributions",
        "How plays divide over genres and over countries. A play counts under its track's primary "
        "genre; `unknown` is where the catalogue, or the listen, does not say.",
        _body,
    )


def _body(page: Page) -> None:
    over, many, _ = st.columns([1, 1, 1])
    with over:
        choice, asked = page.choose_range("pane")
    with many:
        most = st.slider("Bars", 5, 60, 20, 5, key=page.key("bars"))
    if asked is None:
        return
    left, right = st.columns(2, gap="large")
    with left:
        _shares(page, choice, asked, "genre", most)
    with right:
        _shares(page, choice, asked, "country", most)


def _shares(page: Page, choice: Choice, asked: TimeRange, dimension: str, most: int) -> None:
    st.subheader("Genres" if dimension == "genre" else "Countries")
    answer = page.ask(
        dimension,
        lambda client: (client.genres if dimension == "genre" else client.countries)(
            page.data_set, asked
        ),
        choice,
    )
    if not has_value(answer) or answer.value is None:
        return
    table = tables.shares(answer.value, most)
    if not len(table):
        st.info("Nothing was played in this range.", icon=":material/music_off:")
        return
    tooltip = {
        "name": dimension.capitalize(),
        "figure": "Plays",
        "interval": "Within",
        "label": "Share",
    }
    caption(
        answer.value.basis,
        f"{wording.estimate(answer.value.total)} plays in all.",
        [answer.value.total],
    )
    chart(
        ranked_bars("percent", "Share of plays (%)", len(table), tooltip),
        table,
        page.key(f"{dimension}-chart"),
        f"Bar chart of the share of plays by {dimension}, the largest first",
    )
