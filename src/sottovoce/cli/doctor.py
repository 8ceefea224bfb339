"""`sottovoce doctor`: what is wrong here, and what to do about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from sottovoce.cli.asking.connecting import connect, with_credentials
from sottovoce.cli.asking.where import DEFAULT_ADDRESS, AddressOption
from sottovoce.cli.kafka_options import with_kafka
from sottovoce.cli.output import FormatOption, OutputFormat, print_json
from sottovoce.kafka.connection import KafkaSettings

if TYPE_CHECKING:
    from sottovoce.doctor import Finding

app = typer.Typer(add_completion=False)

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@app.command()
@with_credentials
@with_kafka
def doctor(
    kafka: KafkaSettings,
    address: AddressOption = DEFAULT_ADDRESS,
    machine: Annotated[
        bool, typer.Option("--machine", help="Look at this machine only, at no broker.")
    ] = False,
    form: FormatOption = OutputFormat.TABLE,
) -> None:
    """Look at this machine, at Kafka and at the query service; exit 1 where something fails."""
    findings = []
    for each in _examine(kafka, address, machine):
        findings.append(each)
        if form is OutputFormat.TABLE:
            _print(each)
    if form is OutputFormat.JSON:
        print_json([dataclasses.asdict(each) for each in findings])
    if any(each.level == "fail" for each in findings):
        raise typer.Exit(1)


def _examine(kafka: KafkaSettings, address: str, machine: bool) -> Iterator[Finding]:
    from sottovoce.doctor import examine_kafka, examine_machine, examine_query
    from sottovoce.local.jars import default_folder

    yield from examine_machine(default_folder())
    if not machine:
        yield from examine_kafka(kafka)
        yield from examine_query(address, connect)


def _print(finding: Finding) -> None:
    from rich.console import Console
    from rich.text import Text

    line = Text.assemble(
        (f"{finding.level:<5}", _STYLES[finding.level]), f"{finding.name}: {finding.sentence}"
    )
    Console(soft_wrap=True).print(line)
