"""`sottovoce budget`: what may be given away about one listener, and what was."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from sottovoce.cli.asking.connecting import connect, with_credentials
from sottovoce.cli.asking.output import moment, plain
from sottovoce.cli.asking.where import DEFAULT_ADDRESS, AddressOption
from sottovoce.cli.output import FormatOption, OutputFormat, print_json, print_rows
from sottovoce.client import Budget, DataSetBudget, LedgerCharge, Odometer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Show what slices may spend and have spent of their privacy budget.",
)

_SLICES: Final = {
    "start": "Slice from",
    "allowed": "Allowed",
    "spent": "Spent",
    "standing_left": "Left for the plan",
    "reserve_left": "Left for questions",
    "delta": "Delta spent",
}
_PLAN: Final = {
    "statistic": "Released",
    "share": "Share",
    "epsilon": "Epsilon",
    "mechanism": "Noise",
    "scale": "Scale",
}
_CHARGES: Final = {
    "made_at": "Made at (UTC)",
    "data_set": "Data set",
    "first_slice": "First slice (UTC)",
    "slices": "Slices",
    "statistic": "Released",
    "pot": "Pot",
    "epsilon": "Epsilon",
    "rho": "Rho",
    "delta": "Delta",
    "mechanism": "Noise",
    "scale": "Scale",
}

DataSetOption = Annotated[
    str, typer.Option("--data-set", help="live or history.", show_default="all")
]


class ExportFormat(StrEnum):
    """How charges are written."""

    LINES = "json-lines"
    TABLE = "table"


@app.command()
@with_credentials
def show(
    data_set: DataSetOption = "",
    last: Annotated[
        int, typer.Option("--last", min=1, max=1_000, help="How many slices, the newest first.")
    ] = 24,
    form: FormatOption = OutputFormat.TABLE,
    address: AddressOption = DEFAULT_ADDRESS,
) -> None:
    """Show the plan, the newest slices, and the most that anybody's worst day and month hold.

    All in epsilon. What is spent depends on the clock and on what was asked, never on who listened.
    """
    with connect(address) as client:
        budget = client.budget(data_set, last)
    if form is OutputFormat.JSON:
        print_json(plain(budget))
        return
    for each in budget.data_sets:
        _show_data_set(each)
    _show_odometer(budget)


@app.command()
@with_credentials
def export(
    data_set: DataSetOption = "",
    form: Annotated[
        ExportFormat, typer.Option("--format", help="How to print it.")
    ] = ExportFormat.LINES,
    address: AddressOption = DEFAULT_ADDRESS,
) -> None:
    """Print every charge of the ledger in its order, to add up by oneself.

    A charge over several slices is paid by each of them, from its `first_slice` on. JSON lines also
    name its parameters and sensitivity.
    """
    with connect(address) as client:
        charges = client.charges(data_set)
        if form is ExportFormat.LINES:
            for each in charges:
                typer.echo(json.dumps(plain(each), ensure_ascii=False))
            return
        print_rows([_charge_row(each) for each in charges], _CHARGES, OutputFormat.TABLE)


def _show_data_set(budget: DataSetBudget) -> None:
    plan = budget.plan
    if plan is None:
        typer.echo(f"{budget.data_set}: no slice has a budget yet.")
        return
    typer.echo(
        f"{budget.data_set}, slices from {moment(budget.from_slice)} on: epsilon "
        f"{plan.epsilon:g} and delta {plan.delta:g} each; a listener counts in at most "
        f"{plan.slices_per_day:,} slices of a day, with at most {plan.listens_per_slice:,} listens "
        "in each."
    )
    rows: list[dict[str, Any]] = [
        {
            "statistic": each.statistic,
            "share": f"{100 * each.share:.1f} %",
            "epsilon": f"{plan.epsilon * each.share:.4g}",
            "mechanism": each.mechanism,
            "scale": f"{each.scale:.4g}" if each.scale else "",
        }
        for each in plan.standing
    ]
    rows.append(
        {
            "statistic": "(reserve for questions)",
            "share": f"{100 * plan.reserve / plan.epsilon:.1f} %",
            "epsilon": f"{plan.reserve:.4g}",
        }
    )
    print_rows(rows, _PLAN, OutputFormat.TABLE)
    slices = [
        {
            "start": moment(each.start),
            "allowed": f"{each.allowed:.4g}",
            "spent": f"{each.spent:.4g}",
            "standing_left": f"{each.standing_left:.4g}",
            "reserve_left": f"{each.reserve_left:.4g}",
            "delta": f"{each.delta:.3g}",
        }
        for each in budget.slices
    ]
    if slices:
        print_rows(slices, _SLICES, OutputFormat.TABLE)
    else:
        typer.echo("No slice of it was charged yet.")


def _show_odometer(budget: Budget) -> None:
    typer.echo(_worst("day", budget.worst_day))
    typer.echo(_worst(f"{budget.worst_month.days} days", budget.worst_month))
    typer.echo(f"Ledger {budget.ledger}, opened {moment(budget.opened_at) or 'never'}.")


def _worst(name: str, odometer: Odometer) -> str:
    if odometer.first_day is None:
        return f"The worst {name} of any listener: nothing was spent."
    return (
        f"The worst {name} of any listener, all data sets together, from "
        f"{odometer.first_day:%Y-%m-%d}: epsilon {odometer.epsilon:.4g} at delta "
        f"{odometer.delta:g}, of at most {odometer.allowed:.4g}."
    )


def _charge_row(charge: LedgerCharge) -> dict[str, Any]:
    figures = {
        "epsilon": charge.epsilon,
        "rho": charge.rho,
        "delta": charge.delta,
        "scale": charge.scale,
    }
    return {
        "made_at": f"{charge.made_at:%Y-%m-%d %H:%M:%S}",
        "data_set": charge.data_set,
        "first_slice": f"{charge.first_slice:%Y-%m-%d %H:%M:%S}",
        "slices": charge.slices,
        "statistic": charge.statistic,
        "pot": charge.pot,
        "mechanism": charge.mechanism,
        **{name: "" if value is None else f"{value:.4g}" for name, value in figures.items()},
    }
