"""What may be given away about one listener, what was, and on what: for a privacy officer."""

from __future__ import annotations

import math

import streamlit as st

from sottovoce.client import Budget, BudgetPlan, DataSetBudget, Odometer
from sottovoce_dashboard import budget_tables, wording
from sottovoce_dashboard.charts.budget_bars import budget_bars
from sottovoce_dashboard.drawing import chart, has_value
from sottovoce_dashboard.page import Page, View
from sottovoce_dashboard.page import show as show_page

_SLICES = 60


def show(view: View) -> None:
    """Draw the page."""
    show_page(
        view,
        "budget",
        "Budget",
        "What may be given away about one listener, what was given away so far, and on what. Every "
        "figure that leaves is charged before it is drawn; nothing is ever refunded.",
        _body,
    )


def _body(page: Page) -> None:
    if not page.is_charged:
        st.info(
            "In personal mode there is no budget: figures are exact, about one person's own "
            "listening, and meant for that person alone.",
            icon=":material/person:",
        )
        return
    answer = page.ask("budget", lambda client: client.budget(page.data_set, _SLICES))
    if not has_value(answer) or answer.value is None:
        return
    budget = answer.value
    of = next((each for each in budget.data_sets if each.data_set == page.data_set), None)
    if of is None or of.plan is None:
        st.info("No slice of this data set has a budget yet.", icon=":material/hourglass_empty:")
        return
    _in_short(page, budget, of.plan)
    _meaning(page, of.plan)
    _slices(page, of)
    _plan(page, of.plan)
    st.caption(
        f"Ledger {budget.ledger[:8]}"
        + (f", opened {wording.moment(budget.opened_at)}" if budget.opened_at else "")
        + ". Every charge, to check by oneself: `sottovoce budget export`."
    )


def _in_short(page: Page, budget: Budget, plan: BudgetPlan) -> None:
    first, second, third = st.columns(3)
    with first:
        st.metric(
            f"Each slice ({wording.length(page.known.slice)}) may spend",
            f"epsilon {wording.epsilon(plan.epsilon)}",
            f"of it {wording.epsilon(plan.reserve)} for questions outside the plan",
            "off",
            delta_arrow="off",
            border=True,
        )
    with second:
        _odometer("The worst day of any listener", budget.worst_day)
    with third:
        _odometer("The worst 30 days of any listener", budget.worst_month)


def _odometer(name: str, worst: Odometer) -> None:
    told = f"epsilon {wording.epsilon(worst.epsilon)}"
    spent = "nothing yet" if worst.first_day is None else told
    since = "" if worst.first_day is None else f"from {wording.day(worst.first_day)}; "
    st.metric(
        name,
        spent,
        f"{since}at most {wording.epsilon(worst.allowed)} can become of it",
        "off",
        delta_arrow="off",
        border=True,
        help="The most that everything released may give away about one person in that time, all "
        f"data sets added up, but for a probability of {wording.probability(worst.delta)}.",
    )


def _meaning(page: Page, plan: BudgetPlan) -> None:
    factor = math.exp(min(plan.epsilon, 50.0))
    times = f"{factor:.1f}" if factor < 100 else f"{factor:,.0f}"
    st.markdown(
        f"**What epsilon {wording.epsilon(plan.epsilon)} means.** Somebody who sees every answer "
        "ever given, and knows everything about everybody else, bets on whether a listener played "
        f"anything in a slice of {wording.length(page.known.slice)}: whatever odds they gave it "
        f"before, the answers change them by a factor of at most {times}, but for a "
        f"probability of {wording.probability(plan.delta)}. A listener counts in at most "
        f"{plan.slices_per_day:,} slices of a day, with at most {plan.listens_per_slice:,} listens "
        "in each; what goes beyond is not counted. Over a day and a month the slices add up: the "
        "two figures on the right bound how far, for the listener whom it hits worst."
    )


def _slices(page: Page, of: DataSetBudget) -> None:
    st.subheader("What each slice has spent")
    if not of.slices:
        st.info("No slice was charged yet.", icon=":material/hourglass_empty:")
        return
    chart(
        budget_bars("Epsilon of the slice", budget_tables.PARTS),
        budget_tables.by_slice(of.slices, page.known.slice),
        page.key("chart"),
        "Bars of what each slice has spent and has left, in epsilon",
    )
    st.caption(
        f"The newest {len(of.slices)} slices. A slice spends on its standing releases whether "
        "anybody listened or not, so what is spent tells nothing about listening. What is set "
        "aside is spent with its first Gaussian noise, whose accounting costs that much once."
    )


def _plan(page: Page, plan: BudgetPlan) -> None:
    st.subheader("What it is spent on")
    st.dataframe(
        budget_tables.plan(plan),
        hide_index=True,
        height="content",
        key=page.key("plan"),
        column_config={
            "Share (%)": st.column_config.ProgressColumn(
                format="%.0f %%", min_value=0, max_value=max(20.0, 100 * _largest(plan))
            ),
            "Epsilon": st.column_config.NumberColumn(format="%.3f"),
            "Noise scale": st.column_config.NumberColumn(format="%.1f"),
            "95 % within ±": st.column_config.TextColumn(
                help="How far one released number is from the truth in 95 of 100 cases.",
            ),
        },
    )


def _largest(plan: BudgetPlan) -> float:
    reserve = plan.reserve / plan.epsilon if plan.epsilon else 0.0
    return max([reserve, *(each.share for each in plan.standing)])
