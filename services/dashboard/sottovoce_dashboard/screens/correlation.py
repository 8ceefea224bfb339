"""How audio features go together in what is played."""

from __future__ import annotations

import streamlit as st

from sottovoce_dashboard import tables, wording
from sottovoce_dashboard.certainty import is_certain
from sottovoce_dashboard.charts.heat_map import heat_map
from sottovoce_dashboard.drawing import caption, chart, has_value
from sottovoce_dashboard.page import Page, View
from sottovoce_dashboard.page import show as show_page

_STRONGEST = 8


def show(view: View) -> None:
    """Draw the page."""
    show_page(
        view,
        "correlation",
        "Correlation",
        "How audio features go together in what is played, each play counted once. "
        "+1: they rise together; \N{MINUS SIGN}1: one rises as the other falls; 0: neither.",
        _body,
    )


def _body(page: Page) -> None:
    controls, _ = st.columns([1, 2])
    with controls:
        choice, asked = page.choose_range("slice")
    if asked is None:
        return
    answer = page.ask(
        "correlation", lambda client: client.correlation(page.data_set, asked), choice
    )
    if not has_value(answer) or answer.value is None:
        return
    found = answer.value
    caption(
        found.basis,
        f"Pearson's r over {wording.estimate(found.plays)} plays of tracks with known features.",
        [each for row in found.matrix for each in row],
    )
    if not found.plays.value:
        st.info("No track played in this range has audio features.", icon=":material/music_off:")
        return
    pairs = tables.strongest(found)
    certain = [each for each in pairs if is_certain(each[2])]
    left, right = st.columns([1.9, 1], gap="large")
    with left:
        chart(
            heat_map(
                [tables.feature(each) for each in found.features],
                dark=st.context.theme.type == "dark",
            ),
            tables.correlations(found),
            page.key("chart"),
            "Heat map of the correlation of each pair of audio features",
        )
    with right:
        st.subheader("Strongest pairs")
        lines = [
            f"| {first} · {second} | {pair.value:+.2f} | {pair.lower:+.2f} to {pair.upper:+.2f} |"
            for first, second, pair in certain[:_STRONGEST]
        ]
        if lines:
            rows = "\n".join(lines).replace("-", "\N{MINUS SIGN}")
            st.markdown(f"| pair | r | within |\n|---|--:|--:|\n{rows}")
        if len(certain) < len(pairs):
            st.caption(
                f"{len(pairs) - len(certain)} of {len(pairs)} pairs are greyed: their interval is "
                "wider than 1, so this range tells next to nothing about them. A longer range has "
                "less noise for its size."
            )
