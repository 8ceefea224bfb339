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
        "How far each data set is, and why it waits.",
        _body,
    )


def _body(page: Page) -> None:
    status = page.status
    left, middle, right = st.columns(3)
    with left:
        st.metric(
            "Query service",
            f"version {status.version}",
            border=True,
            help=page.address,
            height="stretch",
        )
    with middle:
        st.metric(
            "Privacy mode",
            status.privacy_mode,
            wording.budget(status.epsilon, status.delta) if status.epsilon else None,
            "off",
            delta_arrow="off",
            border=True,
        )
    with right:
        st.metric(
            "Tracks in the catalogue",
            f"{status.catalogue_tracks:,}",
            border=True,
            height="stretch",
            help=f"Version {status.catalogue_version or 'none'}",
        )
    # Whoever may not see true totals gets zeros of all data sets.
    totals = any(each.admitted for each in status.data_sets.values())
    for known in sorted(status.data_sets.values(), key=lambda each: each.name != "live"):
        _data_set(known, totals=totals)
    answered = page.asker.memory.last_answer
    if answered is not None:
        st.caption(f"{page.address} answered last at {wording.moment(answered)}.")


def _data_set(known: DataSetStatus, *, totals: bool) -> None:
    with st.container(border=True, key=f"status-{known.name}"):
        st.subheader(known.name)
        st.markdown(known.waits_for)
        now = datetime.now(UTC)
        facts = {
            "complete through": _time(known.complete_through, now),
            "consumer committed last": _time(known.committed_at, now),
            "can be asked about from": _time(known.first_slice, None),
            "grain": f"panes of {wording.length(known.pane)}, rankings every "
            f"{wording.per(known.ranking)}, slices of {wording.length(known.slice)}, "
            f"{known.shards} shards",
        }
        left, right = st.columns([2, 1], gap="large")
        with left:
            _facts(facts)
        with right:
            _totals(known, seen=totals)


def _totals(known: DataSetStatus, *, seen: bool) -> None:
    """Show true totals, where whoever the dashboard asks as may see them."""
    if not seen:
        st.caption("True totals of listens are for operators only.")
        return
    _facts(
        {
            "listens counted": f"{known.admitted:,}",
            "slices that hold a listen": f"{known.slices:,}",
            **{
                f"refused: {reason.replace('_', ' ')}": f"{number:,}"
                for reason, number in sorted(known.refused.items())
                if number
            },
        }
    )
    st.caption("True totals, for operators: they do not pass the gate.")


def _facts(facts: dict[str, str]) -> None:
    rows = [f"| {name} | {value} |" for name, value in facts.items()]
    st.markdown("\n".join(["| | |", "|---|---|", *rows]))


def _time(time: datetime | None, now: datetime | None) -> str:
    if time is None:
        return "not yet"
    text = wording.moment(time)
    return text if now is None else f"{text} ({wording.ago(now - time)})"
