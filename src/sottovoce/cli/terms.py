"""`sottovoce terms`: what slices are pinned to."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from sottovoce.cli.catalogue import DataSetOption, tell_terms
from sottovoce.cli.kafka_options import with_kafka
from sottovoce.cli.output import FormatOption, OutputFormat, iso_time, print_rows
from sottovoce.data_sets.data_set import DataSetError
from sottovoce.kafka.connection import KafkaSettings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Show and change what coming slices are pinned to.",
)


@app.command()
@with_kafka
def show(
    kafka: KafkaSettings,
    data_set: DataSetOption = None,
    form: FormatOption = OutputFormat.TABLE,
) -> None:
    """Show all terms, and from when on they hold."""
    from sottovoce.data_sets.registry import Registry

    kafka.require_broker()
    registry = Registry(kafka)
    names = data_set or sorted(registry.data_sets)
    rows = [
        {**dataclasses.asdict(terms), "from": iso_time(terms.from_ms)}
        for name in names
        for terms in registry.terms(registry.data_set(name).name)
    ]
    registry.close()
    columns = {
        "data_set": "data set",
        "from": "from",
        "catalogue_version": "catalogue",
        "lateness_ms": "lateness (ms)",
        "future_ms": "future (ms)",
        "listens_per_slice": "listens a slice (C)",
        "slices_per_day": "slices a day (A)",
    }
    if form is OutputFormat.TABLE:
        rows = [{**row, "catalogue_version": row["catalogue_version"][:12]} for row in rows]
    print_rows(rows, columns, form)


@app.command("set")
@with_kafka
def set_terms(
    kafka: KafkaSettings,
    data_set: Annotated[str, typer.Option("--data-set", help="Whose slices.")],
    listens_per_slice: Annotated[
        int | None, typer.Option(min=1, help="C: most listens of a listener in a slice.")
    ] = None,
    slices_per_day: Annotated[
        int | None, typer.Option(min=1, help="A: most slices of a day in which a listener counts.")
    ] = None,
    lateness: Annotated[
        float | None, typer.Option(min=0, help="Seconds that a listen may come late.")
    ] = None,
    future: Annotated[
        float | None, typer.Option(min=0, help="Seconds that a listen may come from the future.")
    ] = None,
) -> None:
    """Change the bounds of slices that have not begun."""
    from sottovoce.data_sets.pinning import pin

    told = {
        "listens_per_slice": listens_per_slice,
        "slices_per_day": slices_per_day,
        "lateness_ms": None if lateness is None else round(lateness * 1000),
        "future_ms": None if future is None else round(future * 1000),
    }
    changes = {name: value for name, value in told.items() if value is not None}
    if not changes:
        raise DataSetError("nothing to change was given: `sottovoce terms set --help` lists it")
    kafka.require_broker()
    what = ", ".join(f"{name} {value}" for name, value in changes.items())
    tell_terms(pin(kafka, changes, (data_set,)), what)
