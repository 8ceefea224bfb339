"""What is played most, by plays or by listeners."""

from __future__ import annotations

from typing import Final

import streamlit as st

from sottovoce.client import Client, TimeRange, Top
from sottovoce_dashboard import ranges, ranking, wording
from sottovoce_dashboard.drawing import caption, has_value
from sottovoce_dashboard.page import Page, View
from sottovoce_dashboard.page import show as show_page
from sottovoce_dashboard.ranges import Grain

_SIZE_BEFORE: Final = 200
_LEAD: Final = (
    "The tracks and artists of a range, by plays or by listeners. A listener counts once a slice, "
    "so somebody with one song on repeat weighs no more than anybody else."
)


def show(view: View) -> None:
    """Draw the page."""
    show_page(view, "rankings", "Rankings", _LEAD, _body)


def _body(page: Page) -> None:
    what, by, over, many = st.columns([1, 1, 1.2, 1.2])
    with what:
        entity = st.segmented_control(
            "Rank", ["Tracks", "Artists"], default="Tracks", required=True, key=page.key("entity")
        )
    with by:
        measure = st.segmented_control(
            "By", ["Plays", "Listeners"], default="Plays", required=True, key=page.key("by")
        )
    listeners = measure == "Listeners"
    grain: Grain = "slice" if listeners else "ranking"
    with many:
        size = st.slider("Places", 5, 100, 25, 5, key=page.key("size"))
    with over:
        choice, asked = page.choose_range(grain)
    if asked is None:
        return

    def ranked(client: Client, over: TimeRange, size: int) -> Top:
        ask = client.top_artists if entity == "Artists" else client.top_tracks
        return ask(page.data_set, over, by="listeners" if listeners else "plays", size=size)

    about = (entity, measure, size, choice)
    now = page.ask("top", lambda client: ranked(client, asked, size), about)
    if not has_value(now) or now.value is None:
        return
    before = ranges.before(asked, page.known)
    earlier = None
    if before is not None:
        then = page.ask("before", lambda client: ranked(client, before, _SIZE_BEFORE), about)
        earlier = None if then.value is None else then.value.entries
    unit = "listeners, each once a slice" if listeners else "plays"
    against = "" if before is None else f" Arrows: against {wording.time_range(before)}."
    caption(
        now.value.basis, f"{entity} by {unit}.{against}", [each.count for each in now.value.entries]
    )
    if any(each.count.lower < each.count.upper for each in now.value.entries):
        st.caption(
            "A bar is solid up to where the truth surely reaches and pale up to where it may; the "
            "mark is the figure itself. ≈: its pale part overlaps a neighbour's, so the two may be "
            "the other way round."
        )
    st.html(ranking.to_html(ranking.rows(now.value.entries, earlier), unit.split(",")[0]))
    if not now.value.entries:
        st.info("Nothing was played in this range.", icon=":material/music_off:")
