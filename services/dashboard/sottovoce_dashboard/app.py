"""The script that Streamlit runs for every session: navigation, the data set switch, a page."""

from __future__ import annotations

import sys
from collections import OrderedDict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from sottovoce.client import Client
from sottovoce.service.settings import load_settings
from sottovoce_dashboard import style
from sottovoce_dashboard.asking import Asker, Memory
from sottovoce_dashboard.connection import connect
from sottovoce_dashboard.page import View
from sottovoce_dashboard.screens import (
    budget,
    correlation,
    distributions,
    listeners,
    live,
    rankings,
    sample,
    similar,
    status,
    windows,
)
from sottovoce_dashboard.settings import DashboardSettings

_PAGES: Final = (
    ("live", "Live", ":material/graphic_eq:", live.show),
    ("rankings", "Rankings", ":material/leaderboard:", rankings.show),
    ("distributions", "Distributions", ":material/bar_chart:", distributions.show),
    ("correlation", "Correlation", ":material/grid_on:", correlation.show),
    ("listeners", "Listeners", ":material/groups:", listeners.show),
    ("windows", "Windows", ":material/date_range:", windows.show),
    ("similar", "Similar songs", ":material/queue_music:", similar.show),
    ("sample", "Sample", ":material/table_rows:", sample.show),
    ("budget", "Budget", ":material/toll:", budget.show),
    ("status", "Status", ":material/monitor_heart:", status.show),
)
_FIRST: Final = "live"
_IMAGES: Final = Path(__file__).with_name("images")


def run() -> None:
    """Draw the page that the reader is on."""
    settings = load_settings(DashboardSettings, "sottovoce-dashboard", sys.argv[1:])
    st.set_page_config(page_title="Sottovoce", page_icon=str(_IMAGES / "mark.svg"), layout="wide")
    st.logo(str(_IMAGES / "logo.svg"), size="large", icon_image=str(_IMAGES / "mark.svg"))
    st.html(f"<style>{style.CSS}</style>")
    client = connect(settings)
    memory: Memory = st.session_state.setdefault("memory", Memory(OrderedDict()))
    known = Asker(client, memory, lambda: datetime.now(UTC)).ask("status", Client.status)
    data_sets = () if known.value is None else tuple(known.value.data_sets)
    view = View(
        client,
        settings.query_address,
        memory,
        _choose_data_set(data_sets),
        data_sets,
        settings.dashboard_refresh_seconds,
    )
    pages = [
        st.Page(partial(shown, view), title=title, icon=icon, url_path=path, default=path == _FIRST)
        for path, title, icon, shown in _PAGES
    ]
    st.navigation(pages).run()


def _choose_data_set(data_sets: tuple[str, ...]) -> str:
    with st.sidebar:
        names = sorted(data_sets, key=lambda name: (name != "live", name)) or ["live"]
        chosen = st.radio(
            "Data set",
            names,
            key="data-set",
            bind="query-params",
            disabled=not data_sets,
            help="live: what is played now. history: imported plays, complete once sealed. "
            "The two are never added together.",
        )
        st.caption("*Sotto voce*: what the crowd plays, in a quiet voice.")
    return chosen or names[0]


run()
