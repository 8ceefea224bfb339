"""How many different listeners there are: slice by slice, and over longer times at a price."""

from __future__ import annotations

from functools import partial
from typing import Final

import streamlit as st

from sottovoce.client import Client, Count, Series, TimeRange
from sottovoce_dashboard import ranges, tables, wording
from sottovoce_dashboard.charts.over_time import bars, line
from sottovoce_dashboard.drawing import caption, chart, figure, has_value
from sottovoce_dashboard.page import Page, View
from sottovoce_dashboard.page import show as show_page
from sottovoce_dashboard.ranges import Choice
from sottovoce_dashboard.screens import union

_LINE: Final = 5


def show(view: View) -> None:
    """Draw the page."""
    show_page(
        view,
        "listeners",
        "Listeners",
        "How many different listeners there are. A listener is new once a slice, so the new "
        "listeners of a slice are its different listeners, and cost nothing more.",
        _body,
    )


def _body(page: Page) -> None:
    controls, _ = st.columns([1, 2])
    with controls:
        choice, asked = page.choose_range("slice")
    if asked is None:
        return
    _last_slices(page)
    _over_time(page, choice, asked)
    union.show(page, asked)


def _last_slices(page: Page) -> None:
    last = ranges.newest(page.known)
    if last is None:
        return
    unit = wording.per(page.known.slice)
    spans = {f"In the last {unit}": last}
    before = ranges.before(last, page.known)
    if before is not None:
        spans[f"In the {unit} before"] = before
    for column, (name, span) in zip(st.columns(3), spans.items(), strict=False):
        answer = page.ask(name, partial(_different, page.data_set, span))
        with column:
            if has_value(answer) and answer.value is not None:
                figure(name, answer.value.count, wording.time_range(span))


def _different(data_set: str, span: TimeRange, client: Client) -> Count:
    return client.distinct_listeners(data_set, span)


def _over_time(page: Page, choice: Choice, asked: TimeRange) -> None:
    unit = wording.per(page.known.slice)
    answer = page.ask(
        "slices",
        lambda client: client.series(page.data_set, asked, Series.new_listeners(), "slice"),
        choice,
    )
    if not has_value(answer) or answer.value is None:
        return
    st.subheader(f"Different listeners per {unit}")
    points = answer.value.points
    title = f"Different listeners per {unit}"
    chart(
        # A line needs more than a point or two.
        bars(title, 320) if len(points) < _LINE else line(title, 320, zero=False),
        tables.over_time(points),
        page.key("chart"),
        f"Chart of different listeners per {unit}, with its interval",
    )
    caption(
        answer.value.basis,
        "Each point counts everybody once who listened in its slice; points can't be added up, "
        "because somebody may be in several of them.",
        [each.value for each in points],
    )
