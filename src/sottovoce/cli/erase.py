"""`sottovoce erase`: ask for erasures, follow them, certify them; for stewards."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sottovoce.cli.kafka_options import with_kafka
from sottovoce.cli.output import FormatOption, OutputFormat, iso_time, print_rows
from sottovoce.errors import SottovoceError
from sottovoce.kafka.connection import KafkaSettings

if TYPE_CHECKING:
    from sottovoce.data_sets.data_set import DataSet
    from sottovoce.erasure.book import ErasureBook, ShardRef
    from sottovoce.erasure.log import ErasureLog

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Erase listeners, and certify that it was done.",
)

ErasureArgument = Annotated[str, typer.Argument(help="The erasure's id, or its beginning.")]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Return when compaction was seen to have removed it all.")
]
PatienceOption = Annotated[float, typer.Option(min=0, help="Seconds that --wait waits.")]


class NotErasedYetError(SottovoceError):
    """The erasure is under way and was not complete in time."""


@app.command()
@with_kafka
def request(
    kafka: KafkaSettings,
    listener: Annotated[
        str, typer.Argument(help="The pseudonym, 32 hexadecimal digits; - reads it from stdin.")
    ],
    wait: WaitOption = False,
    patience: PatienceOption = 3_600.0,
) -> None:
    """Ask for a listener to be erased; prints the erasure's id, whoever the listener is.

    The producer must retire the listener as well: tombstones are written once it has.
    """
    from sottovoce.erasure.log import ErasureLog
    from sottovoce.erasure.pseudonyms import parse_pseudonym

    pseudonym = parse_pseudonym(_told(listener))
    kafka.require_broker()
    refs = _refs(_data_sets(kafka))
    with ErasureLog(kafka) as log:
        asked = log.request(pseudonym, refs)
        typer.echo(asked.erasure)
        if wait:
            _wait(log, asked.erasure, refs, patience)


@app.command()
@with_kafka
def status(
    kafka: KafkaSettings,
    erasure: ErasureArgument,
    wait: WaitOption = False,
    patience: PatienceOption = 3_600.0,
    form: FormatOption = OutputFormat.TABLE,
) -> None:
    """Tell how far an erasure has come in each shard."""
    from sottovoce.erasure.book import NOTHING, step_name
    from sottovoce.erasure.log import ErasureLog

    kafka.require_broker()
    refs = _refs(_data_sets(kafka))
    with ErasureLog(kafka) as log:
        found = log.book.request(erasure)
        if wait:
            _wait(log, found.erasure, refs, patience)
        states = {ref: log.book.state(found.erasure, ref) for ref in refs}
    rows = [
        {
            "data_set": name,
            "shard": shard,
            "step": step_name(state.step if state is not None else NOTHING),
            "cells": len(state.cells) if state is not None else 0,
            "records": sum(each.records for each in state.blocks) if state is not None else 0,
        }
        for (name, shard), state in states.items()
    ]
    columns = {
        "data_set": "data set",
        "shard": "shard",
        "step": "step",
        "cells": "cells rebuilt",
        "records": "records",
    }
    print_rows(rows, columns, form)


@app.command("list")
@with_kafka
def list_erasures(kafka: KafkaSettings, form: FormatOption = OutputFormat.TABLE) -> None:
    """List every erasure, the newest first."""
    from sottovoce.erasure.book import step_name
    from sottovoce.erasure.log import ErasureLog

    kafka.require_broker()
    refs = _refs(_data_sets(kafka))
    with ErasureLog(kafka) as log:
        rows = [
            {
                "erasure": each.erasure,
                "requested": iso_time(each.requested_at_ms),
                "step": step_name(log.book.step(each.erasure, refs)),
                "certified": each.erasure in log.book.certificates,
            }
            for each in reversed(log.book.requests.values())
        ]
    columns = {
        "erasure": "erasure",
        "requested": "requested",
        "step": "step",
        "certified": "certified",
    }
    print_rows(rows, columns, form)


@app.command()
@with_kafka
def certificate(
    kafka: KafkaSettings,
    erasure: ErasureArgument,
    key: Annotated[
        Path | None, typer.Option("--key", help="Issue one now, signed with this private key.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Where it goes.", show_default="stdout")
    ] = None,
) -> None:
    """Print an erasure's certificate; with --key, issue it as the erasure stands now.

    It names the cells that the listener was in: it is for stewards.
    """
    from sottovoce.erasure.certificate import to_json
    from sottovoce.erasure.errors import ErasureError
    from sottovoce.erasure.log import ErasureLog

    kafka.require_broker()
    data_sets = _data_sets(kafka)
    with ErasureLog(kafka) as log:
        found = log.book.request(erasure)
        if key is not None:
            signed = _issue(kafka, log, found.erasure, data_sets, key)
        elif found.erasure in log.book.certificates:
            signed = log.book.certificates[found.erasure]
        else:
            raise ErasureError(
                f"the erasure {found.erasure} has no certificate yet: --key FILE issues one"
            )
    text = to_json(signed)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text)


@app.command("key")
def make_key(
    file: Annotated[Path, typer.Argument(help="A new file; its public half goes to FILE.pub.")],
) -> None:
    """Make a key that signs certificates."""
    from sottovoce.erasure.signing import SigningKey

    made = SigningKey.create()
    public = made.save(file)
    typer.echo(f"key {made.verifying.key_id}: {file}, and its public half {public}")


def _issue(
    kafka: KafkaSettings, log: ErasureLog, erasure: str, data_sets: list[DataSet], key: Path
) -> Any:
    from sottovoce.erasure.certificate import sign, statement_of
    from sottovoce.erasure.remains import remains, tombstones_kept_ms
    from sottovoce.erasure.signing import SigningKey
    from sottovoce.kafka.topics import Topics

    signing = SigningKey.load(key)
    topics = Topics(kafka.kafka_topic_prefix)
    states = list(log.book.states.get(erasure, {}).values())
    kept_ms = tombstones_kept_ms(kafka, [topics.listens(each.name) for each in data_sets])
    statement = statement_of(
        log.book.request(erasure),
        states,
        data_sets,
        issued_at_ms=time.time_ns() // 1_000_000,
        remains=remains(states, data_sets, topics, tombstones_kept_ms=kept_ms),
    )
    signed = sign(statement, signing)
    log.publish(signed)
    if not statement.complete:
        typer.echo("the erasure is not complete: issue it again when it is", err=True)
    return signed


def _told(listener: str) -> str:
    return typer.get_text_stream("stdin").readline().strip() if listener == "-" else listener


def _data_sets(kafka: KafkaSettings) -> list[DataSet]:
    from sottovoce.data_sets.registry import Registry

    registry = Registry(kafka)
    data_sets = list(registry.data_sets.values())
    registry.close()
    return data_sets


def _refs(data_sets: list[DataSet]) -> list[ShardRef]:
    return [(each.name, shard) for each in data_sets for shard in range(each.shards)]


def _wait(log: ErasureLog, erasure: str, refs: list[ShardRef], patience: float) -> None:
    """Show a bar of shards and steps until the erasure is complete."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from sottovoce.erasure.book import GONE, step_name

    until = time.monotonic() + patience
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("requested", total=GONE * len(refs))
        while (step := log.book.step(erasure, refs)) < GONE:
            bar.update(task, completed=_done(log.book, erasure, refs), description=step_name(step))
            if time.monotonic() >= until:
                stands = _where(log.book, erasure, refs)
                raise NotErasedYetError(
                    f"after {patience:.0f} s the erasure {erasure} is {stands}, and goes on: is "
                    "sottovoce-consumer running, and has the producer retired the listener?"
                )
            log.refresh(0.3)


def _done(book: ErasureBook, erasure: str, refs: list[ShardRef]) -> int:
    states = [book.state(erasure, ref) for ref in refs]
    return sum(state.step for state in states if state is not None)


def _where(book: ErasureBook, erasure: str, refs: list[ShardRef]) -> str:
    from sottovoce.erasure.book import step_name

    counts = Counter(book.step(erasure, [ref]) for ref in refs)
    return ", ".join(
        f"{step_name(step)} in {count} shards" for step, count in sorted(counts.items())
    )
