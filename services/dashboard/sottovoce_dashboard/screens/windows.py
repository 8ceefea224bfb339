"""The last so many minutes of any series."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import streamlit as st

from sottovoce.client import Client, Count, Estimate, Series, TimeRange
from sottovoce_dashboard import ranges, tables, wording
from sottovoce_dashboard.charts.by_length import by_length
from sottovoce_dashboard.charts.over_time import line
from sottovoce_dashboard.drawing import caption, chart, figure, has_value
from sottovoce_dashboard.page import Page, View
from sottovoce_dashboard.page import show as show_page

_KINDS: Final = ("All plays", "New listeners", "Genre", "Country", "Artist", "Track")
_MOST_LENGTHS: Final = 24
_SEARCHED: Final = 25
_NAMED_SLICES: Final = 24
"""The genres and countries of so many slices are offered."""


def show(view: View) -> None:
    """Draw the page."""
    show_page(
        view,
        "windows",
        "Windows",
        "The sum of any series over a sliding window that ends with the last complete pane, from "
        "an exponential histogram that was fed with released figures: asking costs no budget.",
        _body,
    )


def _body(page: Page) -> None:
    left, right = st.columns([1, 1.6], gap="large")
    with left:
        series = _choose_series(page)
    grain = ranges.grain_of(series or Series.all())
    offered = ranges.windows(page.known, grain)
    with right:
        window = st.select_slider(
            "Window",
            offered,
            offered[len(offered) // 2],
            format_func=wording.length,
            key=page.key(f"window-{grain}"),
        )
    if series is None:
        return
    answer = page.ask(
        "sum", lambda client: client.window(page.data_set, series, window), (series, window)
    )
    if not has_value(answer) or answer.value is None:
        return
    name = tables.series_name(series)
    with right:
        figure(f"{name}, last {wording.length(window)}", answer.value.count, name)
        caption(answer.value.basis, "", [answer.value.count])
    st.subheader("The same for other lengths")
    _curve(page, series, window, offered)
    st.subheader("What the window covers")
    _covered(page, series, answer.value)


def _choose_series(page: Page) -> Series | None:
    kind = st.selectbox("Series", _KINDS, key=page.key("kind"))
    if kind == "New listeners":
        return Series.new_listeners()
    if kind in ("Genre", "Country"):
        recent = ranges.newest(page.known, _NAMED_SLICES)
        return None if recent is None else _choose_share(page, recent, country=kind == "Country")
    if kind == "Artist":
        text = st.text_input("Artist", key=page.key("artist"), placeholder="an artist's name")
        return Series.artist(text.strip()) if text and text.strip() else None
    if kind == "Track":
        return _choose_track(page)
    return Series.all()


def _choose_share(page: Page, recent: TimeRange, *, country: bool) -> Series | None:
    answer = page.ask(
        "countries" if country else "genres",
        lambda client: (client.countries if country else client.genres)(page.data_set, recent),
    )
    if not has_value(answer) or answer.value is None:
        return None
    names = sorted(each.name for each in answer.value.shares)
    largest = answer.value.shares[0].name if answer.value.shares else None
    chosen = st.selectbox(
        "Country" if country else "Genre",
        names,
        names.index(largest) if largest else None,
        key=page.key("country" if country else "genre"),
    )
    if chosen is None:
        return None
    return Series.country(chosen) if country else Series.genre(chosen)


def _choose_track(page: Page) -> Series | None:
    text = st.text_input(
        "Track", key=page.key("track-text"), placeholder="words of its title or artist"
    )
    if not text or not text.strip():
        return None
    found = page.ask("search", lambda client: client.search(text, _SEARCHED), text)
    if not has_value(found) or found.value is None:
        return None
    if not found.value.tracks:
        st.info("No track of the catalogue has these words.", icon=":material/search_off:")
        return None
    names = {each.id: str(each) for each in found.value.tracks}
    chosen = st.selectbox(
        "Which one", list(names), format_func=lambda each: names.get(each, each),
        key=page.key("track"),
    )  # fmt: skip
    return Series.track(chosen) if chosen in names else None


def _curve(page: Page, series: Series, window: timedelta, offered: list[timedelta]) -> None:
    every = -(-len(offered) // _MOST_LENGTHS)
    lengths = sorted({*offered[::every], offered[-1], window})

    def sums(client: Client) -> list[tuple[timedelta, Estimate]]:
        return [(length, client.window(page.data_set, series, length).count) for length in lengths]

    answer = page.ask("curve", sums, (series, window))
    if has_value(answer) and answer.value is not None:
        chart(
            by_length(tables.series_name(series), window.total_seconds()),
            tables.by_length(answer.value),
            page.key("curve-chart"),
            "Line chart of the sum over windows of growing length",
        )


def _covered(page: Page, series: Series, answer: Count) -> None:
    asked = answer.basis.range
    whole = ranges.extent(page.known, "pane")
    if whole is None:
        return
    asked = TimeRange(max(asked.start, whole.start), min(asked.end, whole.end))
    if asked.start >= asked.end:
        st.info("Nothing was played in this window.", icon=":material/music_off:")
        return
    answered = page.ask_series("series", series, asked, (series, asked.length))
    if answered is not None and has_value(answered) and answered.value is not None:
        points = tables.thin(answered.value.points)
        unit = wording.per(points[0].range.length)
        name = tables.series_name(series)
        chart(
            line(f"{name} per {unit}", 220),
            tables.over_time(points),
            page.key("series-chart"),
            f"Line chart of {name} per {unit} in the window",
        )
        caption(answered.value.basis, "", [each.value for each in points])
