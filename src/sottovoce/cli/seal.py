"""`sottovoce seal`: close days of a data set's past."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sottovoce.cli.kafka_options import with_kafka
from sottovoce.cli.output import day_start_ms, iso_time
from sottovoce.errors import SottovoceError
from sottovoce.kafka.connection import KafkaSettings

if TYPE_CHECKING:
    from sottovoce.data_sets.data_set import DataSet

app = typer.Typer(add_completion=False)


class NotSealedYetError(SottovoceError):
    """The seal stands, but the consumer has not come to it in time."""


@app.command()
@with_kafka
def seal(
    kafka: KafkaSettings,
    through: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], help="The first day that stays open, UTC."),
    ],
    data_set: Annotated[str, typer.Option("--data-set", help="A data set of seals.")] = "history",
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when the consumer has it in every shard.")
    ] = False,
    patience: Annotated[float, typer.Option(min=0, help="Seconds that --wait waits.")] = 120.0,
) -> None:
    """Close every day before a date: what ends there and comes later counts as late.

    A seal can't be taken back.
    """
    from sottovoce.data_sets import sealing
    from sottovoce.data_sets.registry import Registry

    kafka.require_broker()
    registry = Registry(kafka)
    found = registry.data_set(data_set)
    registry.close()
    through_ms = day_start_ms(through)
    date = f"{through:%Y-%m-%d}"
    if sealing.seal(kafka, found, through_ms):
        typer.echo(f"{data_set}: sealed through {date}: every day before it is closed")
    else:
        typer.echo(f"{data_set} was sealed through {date} already: nothing was changed")
    if wait:
        _wait(kafka, found, through_ms, patience)
        typer.echo(f"{data_set} is complete through {date} in all {found.shards} shards")


def _wait(kafka: KafkaSettings, data_set: DataSet, through_ms: int, patience: float) -> None:
    from sottovoce.data_sets.progress import complete_through, latest_progress

    until = time.monotonic() + patience
    while True:
        complete = complete_through(latest_progress(kafka, data_set), data_set)
        if complete is not None and complete >= through_ms:
            return
        if time.monotonic() >= until:
            stands = "has committed nothing" if complete is None else f"is at {iso_time(complete)}"
            raise NotSealedYetError(
                f"the seal of {data_set.name} stands, but after {patience:.0f} s the consumer "
                f"{stands}: is sottovoce-consumer running?"
            )
        time.sleep(0.5)
