"""What is played now."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from sottovoce.client import Client, Count, Estimate, Series, TimeRange, Top
from sottovoce_dashboard import ranges, ranking, tables, wording
from sottovoce_dashboard.asking import Answer
from sottovoce_dashboard.charts.over_time import bars, line
from sottovoce_dashboard.charts.ranked_bars import ranked_bars
from sottovoce_dashboard.drawing import caption, chart, figure, has_value
from sottovoce_dashboard.page import Page, View
from sottovoce_dashboard.page import show as show_page
from sottovoce_dashboard.ranges import Choice

_SIZE = 10
_SIZE_BEFORE = 100
_GENRES = 8
_BARS = 120


def show(view: View) -> None:
    """Draw the page."""
    show_page(view, "live", "Live", "What is played, through the last complete pane.", _body)


def _body(page: Page) -> None:
    controls, _ = st.columns([1, 2])
    with controls:
        choice, asked = page.choose_range("ranking", slices=4)
    panes = ranges.resolve(choice, page.known, "pane")
    if asked is None or panes is None:
        return
    before = ranges.before(asked, page.known)
    _totals(page, choice, panes, ranges.before(panes, page.known))
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Top tracks")
        _top(page, choice, asked, before, artists=False)
    with right:
        st.subheader("Top artists")
        _top(page, choice, asked, before, artists=True)
    _plays(page, choice, panes)
    left, right = st.columns(2, gap="large")
    with left:
        _new_listeners(page, choice, panes)
    with right:
        _genres(page, choice, panes)


def _totals(page: Page, choice: Choice, asked: TimeRange, before: TimeRange | None) -> None:
    over = wording.time_range(asked)
    plays = page.ask("plays", lambda client: client.genres(page.data_set, asked).total, choice)
    plays_before = before and page.ask(
        "plays-before", lambda client: client.genres(page.data_set, before).total, choice
    )
    columns = st.columns(4)
    with columns[0]:
        if plays.value is not None:
            figure("Plays", plays.value, over, plays_before.value if plays_before else None)
    last = ranges.newest(page.known)
    if last is None:
        return
    # What is distinct is released for each slice; over several it is charged, so a page that asks
    # by itself shows the last one.
    distinct: tuple[tuple[str, Callable[[Client, str, TimeRange], Count]], ...] = (
        ("Listeners", Client.distinct_listeners),
        ("Different tracks", Client.distinct_tracks),
        ("Different artists", Client.distinct_artists),
    )
    of_slice = wording.time_range(last)
    for column, (name, question) in zip(columns[1:], distinct, strict=True):
        answer = page.ask(name, partial(_count, question, page.data_set, last))
        with column:
            if answer.value is not None:
                label = f"{name}, last {wording.per(page.known.slice)}"
                figure(label, answer.value, f"Of the last complete slice: {of_slice}")


def _count(
    question: Callable[[Client, str, TimeRange], Count],
    data_set: str,
    asked: TimeRange,
    client: Client,
) -> Estimate:
    return question(client, data_set, asked).count


def _top(
    page: Page, choice: Choice, asked: TimeRange, before: TimeRange | None, *, artists: bool
) -> None:
    what = "artists" if artists else "tracks"
    now = _ranked(page, f"top-{what}", choice, asked, _SIZE, artists=artists)
    if not has_value(now) or now.value is None:
        return
    earlier = None
    if before is not None:
        then = _ranked(page, f"top-{what}-before", choice, before, _SIZE_BEFORE, artists=artists)
        earlier = None if then.value is None else then.value.entries
    st.html(ranking.to_html(ranking.rows(now.value.entries, earlier), "plays"))
    moved = (
        "Arrows: places gained or lost against the same length of time before; ≈: noise may have "
        "swapped neighbours."
        if earlier is not None
        else "No arrows yet: there is no range of this length before it."
    )
    caption(now.value.basis, f"By plays. {moved}", [each.count for each in now.value.entries])


def _ranked(
    page: Page, place: str, choice: Choice, asked: TimeRange, size: int, *, artists: bool
) -> Answer[Top]:
    return page.ask(
        place,
        lambda client: (client.top_artists if artists else client.top_tracks)(
            page.data_set, asked, size=size
        ),
        choice,
    )


def _plays(page: Page, choice: Choice, asked: TimeRange) -> None:
    answer = page.ask_series("plays-series", Series.all(), asked, choice)
    st.subheader("Plays over time")
    if answer is not None and has_value(answer) and answer.value is not None:
        points = tables.thin(answer.value.points)
        unit = wording.per(points[0].range.length)
        chart(
            line(f"Plays per {unit}"),
            tables.over_time(points),
            page.key("plays-chart"),
            f"Line chart of plays per {unit}",
        )
        caption(answer.value.basis, "", [each.value for each in points])


def _new_listeners(page: Page, choice: Choice, asked: TimeRange) -> None:
    answer = page.ask_series("new-series", Series.new_listeners(), asked, choice, _BARS)
    st.subheader("New listeners")
    if answer is not None and has_value(answer) and answer.value is not None:
        points = tables.thin(answer.value.points, _BARS)
        unit = wording.per(points[0].range.length)
        chart(
            bars(f"New listeners per {unit}", 230),
            tables.over_time(points),
            page.key("new-chart"),
            f"Bar chart of new listeners per {unit}",
        )
        caption(
            answer.value.basis,
            f"New is who plays for the first time in a slice ({wording.length(page.known.slice)}).",
            [each.value for each in points],
        )


def _genres(page: Page, choice: Choice, asked: TimeRange) -> None:
    answer = page.ask("genres", lambda client: client.genres(page.data_set, asked), choice)
    st.subheader("Genres")
    if has_value(answer) and answer.value is not None:
        table = tables.shares(answer.value, _GENRES)
        tooltip = {"name": "Genre", "figure": "Plays", "interval": "Within", "label": "Share"}
        chart(
            ranked_bars("percent", "Share of plays (%)", len(table), tooltip),
            table,
            page.key("genres-chart"),
            "Bar chart of the share of plays by genre",
        )
        caption(answer.value.basis, "", [answer.value.total])
