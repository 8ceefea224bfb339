"""Songs that sound like one."""

from __future__ import annotations

from typing import Final

import streamlit as st

from sottovoce_dashboard import tables
from sottovoce_dashboard.charts.ranked_bars import ranked_bars
from sottovoce_dashboard.drawing import chart, has_value
from sottovoce_dashboard.page import Page, View
from sottovoce_dashboard.page import show as show_page

_SEARCHED: Final = 50
_LEAD: Final = (
    "Songs of the catalogue that sound like one, by their audio features. The catalogue is public: "
    "no listen is looked at."
)


def show(view: View) -> None:
    """Draw the page."""
    show_page(view, "similar", "Similar songs", _LEAD, _body)


def _body(page: Page) -> None:
    left, right = st.columns([2, 1], gap="large")
    with left:
        text = st.text_input(
            "Search the catalogue",
            key=page.key("text"),
            placeholder="words of a title or an artist, such as: love",
        )
    with right:
        size = st.slider("How many", 5, 50, 10, 5, key=page.key("size"))
    if not text or not text.strip():
        tracks = page.status.catalogue_tracks
        st.caption(
            f"The catalogue has {tracks:,} tracks. Type some words, then choose a track."
            if tracks
            else "There is no catalogue yet: `sottovoce catalogue import FILE` brings one."
        )
        return
    found = page.ask("search", lambda client: client.search(text, _SEARCHED), text)
    if not has_value(found) or found.value is None:
        return
    if not found.value.tracks:
        st.info("No track of the catalogue has these words.", icon=":material/search_off:")
        return
    names = {each.id: f"{each}  ({each.genre})" for each in found.value.tracks}
    chosen = st.selectbox(
        f"Track ({len(names)}{' or more' if len(names) == _SEARCHED else ''} found, "
        "the most popular first)",
        list(names),
        format_func=lambda each: names.get(each, each),
        key=page.key("track"),
    )
    if chosen not in names:
        return
    answer = page.ask("similar", lambda client: client.similar(chosen, size), (chosen, size))
    if not has_value(answer) or answer.value is None:
        return
    table = tables.similar(answer.value)
    st.subheader(f"Sounds like {answer.value.track}")
    chart(
        ranked_bars(
            "cosine",
            "Similarity (cosine of the standardised features; 1 is the same)",
            len(table),
            {"name": "Track", "genre": "Genre", "label": "Similarity"},
            domainMax=1,
        ),
        table,
        page.key("chart"),
        "Bar chart of the most similar tracks",
    )
    st.caption(f"Catalogue {answer.value.catalogue_version[:8]}.")
