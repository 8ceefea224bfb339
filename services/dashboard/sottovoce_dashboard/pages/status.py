"""What is complete through when, why it waits, and what was refused."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from sottovoce.client import DataSetStatus
from sottovoce_dashboard import wording
from sottovoce_dashboard.page import Page, View
from sottovoce_dashboard.page import show as show_page


def show(view: View) -> None:
    """Draw the page."""
    show_page(
        view,
        "status",
        "Status",
        "How far each data set is, and why it waits. The totals here are true figures for "
        "operators.",
        _body,
    )


def _body(page: Page) -> None:
    status = page.status
    left, middle, right = st.columns(3)
    with left:
        st.metric("Query service", f"version {status.version}", border=True, help=page.address)
    with middle:
        st.metric("Privacy mode", status.privacy_mode, border=True)
    with right:
        st.metric(
            "Tracks in the catalogue",
            f"{status.catalogue_tracks:,}",
            border=True,
            help=f"Version {status.catalogue_version or 'none'}",
        )
    for known in sorted(status.data_sets.values(), key=lambda each: each.name != "live"):
        _data_set(known)
    answered = page.asker.memory.last_answer
    if answered is not None:
        st.caption(f"{page.address} answered last at {wording.moment(answered)}.")


def _data_set(known: DataSetStatus) -> None:
    with st.container(border=True, key=f"status-{known.name}"):
        st.subheader(known.name)
        st.markdown(known.waits_for)
        now = datetime.now(UTC)
        facts = {
            "complete through": _time(known.complete_through, now),
            "consumer committed last": _time(known.committed_at, now),
            "listens counted": f"{known.admitted:,}",
            "slices that hold a listen": f"{known.slices:,}",
            "first slice held": _time(known.first_slice, None),
            "last slice with a listen": _time(known.last_slice, None),
            "grain": f"panes of {wording.length(known.pane)}, slices of "
            f"{wording.length(known.slice)}, {known.shards} shards",
        }
        refused = {
            f"refused: {reason.replace('_', ' ')}": f"{number:,}"
            for reason, number in sorted(known.refused.items())
            if number
        } or {"refused": "none"}
        left, right = st.columns([2, 1], gap="large")
        with left:
            _facts(facts)
        with right:
            _facts(refused)


def _facts(facts: dict[str, str]) -> None:
    rows = [f"| {name} | {value} |" for name, value in facts.items()]
    st.markdown("\n".join(["| | |", "|---|---|", *rows]))


def _time(time: datetime | None, now: datetime | None) -> str:
    if time is None:
        return "not yet"
    text = wording.moment(time)
    return text if now is None else f"{text} ({wording.ago(now - time)})"
