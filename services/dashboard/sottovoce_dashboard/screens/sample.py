"""A few listens, at random."""

from __future__ import annotations

import streamlit as st

from sottovoce_dashboard import tables, wording
from sottovoce_dashboard.drawing import caption, has_value
from sottovoce_dashboard.page import Page, View
from sottovoce_dashboard.page import show as show_page


def show(view: View) -> None:
    """Draw the page."""
    show_page(
        view,
        "sample",
        "Sample",
        "What listens of a range look like, row by row and without their listeners. "
        "The same range gives the same sample, as often as it is asked for.",
        _body,
    )


def _body(page: Page) -> None:
    over, many, _ = st.columns([1, 1, 1])
    with over:
        choice, asked = page.choose_range("slice")
    with many:
        size = st.slider("Listens", 10, 500, 50, 10, key=page.key("size"))
    if asked is None:
        return
    answer = page.ask(
        "sample", lambda client: client.sample(page.data_set, asked, size), (choice, size)
    )
    if not has_value(answer) or answer.value is None:
        return
    number = len(answer.value.listens)
    few = f" (no more than {number} are kept of this range)" if 0 < number < size else ""
    st.markdown(wording.sample_kind(answer.value.kind))
    caption(answer.value.basis, f"{number} listens{few}, the newest first.")
    if not number:
        st.info("Nothing was played in this range.", icon=":material/music_off:")
        return
    st.dataframe(
        tables.sample(answer.value.listens),
        hide_index=True,
        height=560,
        key=page.key("table"),
        column_config={
            "Ended (UTC)": st.column_config.DatetimeColumn(
                format="D MMM YYYY HH:mm:ss", timezone="UTC"
            ),
            "Played (s)": st.column_config.NumberColumn(format="%.0f"),
        },
    )
