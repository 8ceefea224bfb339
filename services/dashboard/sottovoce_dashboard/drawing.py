"""Putting answers on a page: charts, figures, captions, and why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyarrow as pa
import streamlit as st

from sottovoce.client import (
    BadQuestion,
    Basis,
    BudgetSpent,
    CredentialsUnusable,
    Estimate,
    NoBudget,
    NotAllowed,
    NotFound,
)
from sottovoce_dashboard import wording
from sottovoce_dashboard.asking import Answer
from sottovoce_dashboard.charts.spec import Spec

_INK: Final = {False: "#1d1b2e", True: "#ebe9f5"}
"""What Streamlit's theme of charts leaves black, by whether the page is dark."""


def chart(spec: Spec, table: pa.Table, key: str, alt: str) -> None:
    """Draw a chart; with the same specification, new data take the place of the old ones.

    Args:
        spec: without its data.
        table: its data.
        key: stable, so that a refresh finds the chart again.
        alt: what it shows, for those who can't see it.
    """
    ink = _INK[st.context.theme.type == "dark"]
    inked = {**spec, "config": {"text": {"color": ink}, "rule": {"color": ink}}}
    st.vega_lite_chart(table, inked, width="stretch", key=key, alt=alt)


def figure(label: str, estimate: Estimate, help_text: str, before: Estimate | None = None) -> None:
    """Draw one large figure, and below it its interval or its change.

    Args:
        label: what it counts.
        estimate: the figure.
        help_text: over what.
        before: the same of the range before, to say how it changed.
    """
    value, around = wording.count(estimate.value), wording.interval(estimate)
    if before is not None and before.value and around == "exact":
        change = f"{100 * (estimate.value - before.value) / before.value:+z.1f} %"
        same = change == "+0.0 %"
        st.metric(
            label, value, change, "off" if same else "normal", help=help_text, border=True,
            delta_arrow="off" if same else "auto", delta_description="vs the time before",
        )  # fmt: skip
    else:
        below = around if around == "exact" else f"within {around}"
        st.metric(label, value, below, "off", help=help_text, border=True, delta_arrow="off")


def caption(about: Basis, lead: str = "", estimates: Iterable[Estimate] = ()) -> None:
    """Say over which range and on what basis an answer holds.

    Args:
        about: its basis.
        lead: what to say before that.
        estimates: its figures, which tell whether intervals are to be explained.
    """
    exact = all(each.lower == each.upper for each in estimates)
    text = wording.basis(about, exact=exact)
    st.caption(f"{lead} {text}" if lead else text)


def has_value[Value](answer: Answer[Value]) -> bool:
    """Whether there is an answer to draw; where not, say why."""
    if answer.value is not None:
        return True
    problem = answer.problem
    if isinstance(problem, BadQuestion):
        st.error(f"This can't be asked: {problem}", icon=":material/error:")
    elif isinstance(problem, NotAllowed | CredentialsUnusable):
        st.error(f"The dashboard is not let in for this: {problem}", icon=":material/lock:")
    elif isinstance(problem, NotFound):
        st.info(f"Nothing found: {problem}", icon=":material/search_off:")
    elif isinstance(problem, BudgetSpent):
        st.warning(f"The budget for this is spent: {problem}.", icon=":material/toll:")
    elif isinstance(problem, NoBudget):
        st.info(f"This is never told: {problem}.", icon=":material/visibility_off:")
    elif problem is not None:
        retry = problem.retry_after
        wait = "" if retry is None else f" Worth asking again in {wording.length(retry)}."
        st.info(f"No answer to this yet: {problem}.{wait}", icon=":material/hourglass_empty:")
    return False
