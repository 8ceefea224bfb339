"""The one connection to the query service, shared by all sessions."""

from __future__ import annotations

import streamlit as st

from sottovoce.client import Client


@st.cache_resource(show_spinner=False)
def connect(address: str, timeout: float) -> Client:
    """Return the client; its channel comes back by itself when the service does."""
    return Client(address, timeout=timeout)
