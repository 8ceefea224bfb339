"""`sottovoce topics`: create, list and check the topics and data sets."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sottovoce.cli.kafka_options import with_kafka
from sottovoce.cli.output import FormatOption, OutputFormat, day_start_ms, print_json, print_rows
from sottovoce.kafka.connection import KafkaSettings

if TYPE_CHECKING:
    from sottovoce.data_sets.data_set import DataSet
    from sottovoce.data_sets.terms import Terms

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Create, await, list and check the topics and data sets.",
)


class Profile(StrEnum):
    """Which constants the data sets are made with."""

    STANDARD = "standard"
    DEMO = "demo"


@app.command()
@with_kafka
def create(
    kafka: KafkaSettings,
    profile: Annotated[
        Profile, typer.Option(help="standard: slices of an hour; demo: slices of 30 seconds.")
    ] = Profile.STANDARD,
    shards: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Shards of each data set, fixed for good.")
    ] = None,
    history_from: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day of history that counts, UTC."),
    ] = None,
    listens_per_slice: Annotated[
        int | None, typer.Option(min=1, help="C of live: most listens of a listener in a slice.")
    ] = None,
    slices_per_day: Annotated[
        int | None, typer.Option(min=1, help="A of live: most slices a day of a listener.")
    ] = None,
    lateness: Annotated[
        float | None, typer.Option(min=0, help="Seconds that a listen of live may come late.")
    ] = None,
    replication: Annotated[int, typer.Option(min=1, help="Copies of each partition.")] = 1,
    in_sync: Annotated[
        int, typer.Option(min=1, help="Copies that must have a record before it counts as written.")
    ] = 1,
    brisk: Annotated[
        bool | None,
        typer.Option(
            "--brisk/--steady",
            help="Topics that roll and compact within seconds.",
            show_default="brisk for the profile demo",
        ),
    ] = None,
) -> None:
    """Create every topic and data set that is not there; what is there stays as it is."""
    from sottovoce.data_sets.creation import create_data_sets
    from sottovoce.data_sets.registry import Registry

    kafka.require_broker()
    data_sets, terms = _wanted(profile, shards, history_from)
    live = {
        "listens_per_slice": listens_per_slice,
        "slices_per_day": slices_per_day,
        "lateness_ms": None if lateness is None else round(lateness * 1000),
    }
    given: dict[str, Any] = {name: value for name, value in live.items() if value is not None}
    terms = [dataclasses.replace(t, **given) if t.data_set == "live" else t for t in terms]
    created = create_data_sets(
        kafka,
        data_sets,
        terms,
        brisk=profile is Profile.DEMO if brisk is None else brisk,
        replication=replication,
        in_sync=in_sync,
    )
    registry = Registry(kafka)
    for topic in sorted(created):
        typer.echo(f"created topic {topic}")
    for each in data_sets:
        _tell(each, registry.data_set(each.name))
    registry.close()
    if not created:
        typer.echo("Every topic was there already; nothing was changed.")


def _wanted(
    profile: Profile, shards: int | None, history_from: datetime | None
) -> tuple[list[DataSet], list[Terms]]:
    from sottovoce.data_sets import PROFILES
    from sottovoce.data_sets.pinning import PROFILE_TERMS

    data_sets = []
    for each in PROFILES[profile].values():
        data_set = dataclasses.replace(each, shards=shards or each.shards)
        if history_from is not None and data_set.name == "history":
            data_set = dataclasses.replace(data_set, first_ms=day_start_ms(history_from))
        data_sets.append(data_set)
    return data_sets, list(PROFILE_TERMS[profile].values())


def _tell(wanted: DataSet, found: DataSet) -> None:
    there = dataclasses.replace(found, epoch=b"", created_at_ms=0)
    shape = (
        f"{found.shards} shards, panes of {found.pane_ms // 1000} s, "
        f"slices of {found.slice_ms // 1000} s"
    )
    if there == wanted:
        typer.echo(f"data set {found.name}: {shape}")
        return
    differ = [
        field.name
        for field in dataclasses.fields(wanted)
        if getattr(there, field.name) != getattr(wanted, field.name)
    ]
    typer.echo(
        f"data set {found.name} was there, with {shape}; it keeps its own {', '.join(differ)}, "
        "which are fixed with a data set"
    )


@app.command()
@with_kafka
def wait(
    kafka: KafkaSettings,
    catalogue: Annotated[
        bool, typer.Option("--catalogue", help="Until live is pinned to a catalogue as well.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at most.")] = 300.0,
) -> None:
    """Wait until every topic and data set is there."""
    from sottovoce.data_sets.waiting import wait_for_data_sets

    for name in wait_for_data_sets(kafka, catalogue=catalogue, timeout=timeout):
        typer.echo(f"data set {name} is there")


@app.command("list")
@with_kafka
def list_topics(kafka: KafkaSettings, form: FormatOption = OutputFormat.TABLE) -> None:
    """List the topics as they are."""
    from sottovoce.data_sets.topic_checks import describe_topics

    rows = [dataclasses.asdict(each) for each in describe_topics(kafka)]
    print_rows(
        rows,
        {
            "name": "topic",
            "partitions": "partitions",
            "replication": "copies",
            "cleanup_policy": "cleanup",
            "retention_ms": "retention (ms)",
            "records": "offsets held",
        },
        form,
    )


@app.command()
@with_kafka
def check(kafka: KafkaSettings, form: FormatOption = OutputFormat.TABLE) -> None:
    """Compare every topic with what it should be; exit 1 where one differs."""
    from sottovoce.data_sets.topic_checks import topic_differences

    differences = [dataclasses.asdict(each) for each in topic_differences(kafka)]
    if form is OutputFormat.JSON:
        print_json(differences)
    elif differences:
        columns = {
            "topic": "topic",
            "setting": "setting",
            "wanted": "should be",
            "found": "is",
        }
        print_rows(differences, columns, form)
    else:
        typer.echo("Every topic is as it should be.")
    if differences:
        typer.echo(
            "error: topics differ from the design: alter them with Kafka's own tools, or make "
            "them anew where a number of partitions differs",
            err=True,
        )
        raise typer.Exit(1)
