"""The one connection to the query service, shared by all sessions."""

from __future__ import annotations

import streamlit as st

from sottovoce.client import Client
from sottovoce_dashboard.settings import DashboardSettings


@st.cache_resource(show_spinner=False)
def connect(_settings: DashboardSettings) -> Client:
    """Return the client; its channel comes back by itself when the service does.

    All sessions of a process have the same settings: the underscore tells Streamlit not to look.
    """
    return _settings.client(_settings.query_address, _settings.dashboard_timeout_seconds)
