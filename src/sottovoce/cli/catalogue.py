"""`sottovoce catalogue`: import catalogues of tracks, and put them to use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sottovoce.cli.kafka_options import with_kafka
from sottovoce.cli.output import FormatOption, OutputFormat, iso_time, print_json, print_rows
from sottovoce.kafka.connection import KafkaSettings

if TYPE_CHECKING:
    from sottovoce.catalogue import ImportReport
    from sottovoce.data_sets.terms import Terms

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Import catalogues of tracks and put them to use.",
)

DataSetOption = Annotated[
    list[str] | None,
    typer.Option("--data-set", help="Whose slices; may be given twice.", show_default="every one"),
]


@app.command("import")
@with_kafka
def import_file(
    kafka: KafkaSettings,
    file: Annotated[Path, typer.Argument(help="A CSV file of tracks, plain or gzip.")],
    use: Annotated[bool, typer.Option("--use", help="Pin coming slices to it as well.")] = False,
) -> None:
    """Check a file and publish it as an immutable version, named by its content."""
    from sottovoce.catalogue import read_catalogue
    from sottovoce.data_sets.publishing import publish_catalogue

    kafka.require_broker()
    catalogue, report = read_catalogue(file)
    _tell_report(report)
    new = publish_catalogue(kafka, catalogue, file.name)
    typer.echo(
        f"catalogue {catalogue.version}: published"
        if new
        else f"catalogue {catalogue.version} was there already: nothing was changed"
    )
    if use:
        _use(kafka, catalogue.version, ())


def _tell_report(report: ImportReport) -> None:
    typer.echo(
        f"{report.shape}: {report.rows:,} rows, {report.tracks:,} tracks, "
        f"{len(report.genres):,} genres"
    )
    if report.repeated:
        typer.echo(f"  {report.repeated:,} rows told of a track that another row told of")
    for reason, count in report.refused.items():
        typer.echo(f"  refused {count:,} rows: {reason}")
    for oddity, count in report.kept.items():
        typer.echo(f"  kept {count:,}: {oddity}")


@app.command("use")
@with_kafka
def use_version(
    kafka: KafkaSettings,
    version: Annotated[str, typer.Argument(help="A version, its beginning, or `latest`.")],
    data_set: DataSetOption = None,
) -> None:
    """Pin coming slices to a version of the catalogue."""
    kafka.require_broker()
    _use(kafka, version, tuple(data_set or ()))


def _use(kafka: KafkaSettings, told: str, data_sets: tuple[str, ...]) -> None:
    from sottovoce.data_sets.pinning import pin
    from sottovoce.data_sets.publishing import find_version
    from sottovoce.data_sets.registry import Registry

    registry = Registry(kafka)
    version = find_version(registry, told)
    registry.close()
    tell_terms(pin(kafka, {"catalogue_version": version}, data_sets), f"catalogue {version[:12]}")


def tell_terms(written: list[Terms], what: str) -> None:
    """Say from when on new terms hold."""
    if not written:
        typer.echo(f"{what} is what coming slices are pinned to already: nothing was changed")
    for terms in written:
        since = f"slices from {iso_time(terms.from_ms)} on" if terms.from_ms else "every slice"
        typer.echo(f"{terms.data_set}: {what} for {since}")


@app.command("list")
@with_kafka
def list_versions(kafka: KafkaSettings, form: FormatOption = OutputFormat.TABLE) -> None:
    """List the versions that were imported, and who is pinned to them."""
    from sottovoce.data_sets.registry import Registry

    kafka.require_broker()
    registry = Registry(kafka)
    rows = []
    for each in registry.versions:
        pinned = [
            f"{name} from {iso_time(terms.from_ms) if terms.from_ms else 'its beginning'}"
            for name in sorted(registry.data_sets)
            for terms in registry.terms(name)
            if terms.catalogue_version == each.version
        ]
        rows.append(
            {
                "version": each.version if form is OutputFormat.JSON else each.version[:12],
                "tracks": each.tracks,
                "imported_at": iso_time(each.imported_at_ms),
                "file_name": each.file_name,
                "pinned": pinned if form is OutputFormat.JSON else ", ".join(pinned),
            }
        )
    registry.close()
    columns = {
        "version": "version",
        "tracks": "tracks",
        "imported_at": "imported",
        "file_name": "file",
        "pinned": "pinned by",
    }
    print_rows(rows, columns, form)


@app.command()
@with_kafka
def show(
    kafka: KafkaSettings,
    version: Annotated[str, typer.Argument(help="A version, its beginning, or `latest`.")],
    form: FormatOption = OutputFormat.TABLE,
) -> None:
    """Show what a version of the catalogue holds."""
    import numpy as np

    from sottovoce.catalogue import FEATURES
    from sottovoce.data_sets.publishing import find_version
    from sottovoce.data_sets.registry import Registry

    kafka.require_broker()
    registry = Registry(kafka)
    name = find_version(registry, version)
    catalogue = registry.catalogue(name)
    registry.close()
    counts = np.bincount(catalogue.primary_genre + 1, minlength=len(catalogue.genres) + 1)
    genres = dict(zip(("unknown", *catalogue.genres), map(int, counts), strict=True))
    held: dict[str, Any] = {
        "version": name,
        "tracks": len(catalogue),
        "artists": len(catalogue.artist_keys),
        "with_all_features": int((~np.isnan(catalogue.features).any(axis=1)).sum()),
        "features": list(FEATURES),
        "genres": {genre: count for genre, count in genres.items() if count},
    }
    if form is OutputFormat.JSON:
        print_json(held)
        return
    typer.echo(f"catalogue {name}")
    typer.echo(
        f"{held['tracks']:,} tracks of {held['artists']:,} artists; "
        f"{held['with_all_features']:,} with all audio features"
    )
    rows = [{"genre": genre, "tracks": count} for genre, count in held["genres"].items()]
    print_rows(
        sorted(rows, key=lambda row: -int(str(row["tracks"]))),
        {"genre": "primary genre", "tracks": "tracks"},
        form,
    )
