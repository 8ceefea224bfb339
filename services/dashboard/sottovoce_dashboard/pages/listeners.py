"""How many different listeners there are, over time and in all."""

from __future__ import annotations

import streamlit as st

from sottovoce.client import Client, Point, TimeRange
from sottovoce_dashboard import ranges, tables, wording
from sottovoce_dashboard.charts.over_time import line
from sottovoce_dashboard.drawing import caption, chart, figure, has_value
from sottovoce_dashboard.page import Page, View
from sottovoce_dashboard.page import show as show_page
from sottovoce_dashboard.ranges import Choice

_MOST_POINTS = 60


def show(view: View) -> None:
    """Draw the page."""
    show_page(
        view,
        "listeners",
        "Listeners",
        "How many different listeners there are. Each figure is an estimate from a "
        "Flajolet-Martin sketch, which holds no listener; the band is where the truth lies.",
        _body,
    )


def _body(page: Page) -> None:
    controls, _ = st.columns([1, 2])
    with controls:
        choice, asked = page.choose_range("slice")
    if asked is None:
        return
    _in_all(page, choice, asked)
    _over_time(page, choice, asked)


def _in_all(page: Page, choice: Choice, asked: TimeRange) -> None:
    answer = page.ask("all", lambda client: client.distinct_listeners(page.data_set, asked), choice)
    if not has_value(answer) or answer.value is None:
        return
    first, second, _ = st.columns(3)
    with first:
        figure("Different listeners in the range", answer.value.count, "Everybody counts once")
    before = ranges.before(asked, page.known)
    if before is not None:
        earlier = page.ask(
            "before", lambda client: client.distinct_listeners(page.data_set, before), choice
        )
        if earlier.value is not None:
            with second:
                figure("In the same time before", earlier.value.count, wording.time_range(before))
    caption(answer.value.basis, "", [answer.value.count])


def _over_time(page: Page, choice: Choice, asked: TimeRange) -> None:
    parts = ranges.grouped(asked, page.known.slice, _MOST_POINTS)
    unit = wording.per(parts[0].length)

    def each_part(client: Client) -> list[Point]:
        return [Point(part, client.distinct_listeners(page.data_set, part).count) for part in parts]

    answer = page.ask("parts", each_part, choice)
    if not has_value(answer) or answer.value is None:
        return
    st.subheader(f"Different listeners per {unit}")
    chart(
        line(f"Different listeners per {unit}", 340, zero=False),
        tables.over_time(answer.value),
        page.key("chart"),
        f"Line chart of different listeners per {unit}, in the band of its interval",
    )
    st.caption(
        "Each point counts everybody once who listened in its time; points can't be added up, "
        "because somebody may be in several of them."
    )
