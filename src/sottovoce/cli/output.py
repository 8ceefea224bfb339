"""What commands print: a table for a person, JSON for a program."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer


class OutputFormat(StrEnum):
    """How a list is printed."""

    TABLE = "table"
    JSON = "json"


FormatOption = Annotated[OutputFormat, typer.Option("--format", help="How to print it.")]


def print_rows(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], form: OutputFormat
) -> None:
    """Print rows.

    Args:
        rows: each with the keys of `columns`; JSON has these keys, and values as they are.
        columns: title of each key's column in the table.
        form: table or JSON.
    """
    if form is OutputFormat.JSON:
        print_json([{key: row.get(key) for key in columns} for row in rows])
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for key, title in columns.items():
        numbers = all(isinstance(row.get(key), int | float) for row in rows)
        table.add_column(title, justify="right" if rows and numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(key)) for key in columns))
    Console(width=None if typer.get_text_stream("stdout").isatty() else 160).print(table)


def print_json(value: Any) -> None:
    """Print a value as JSON, indented."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def iso_time(time_ms: int) -> str:
    """Return a time in milliseconds since 1970 as ISO 8601, UTC."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def day_start_ms(day: datetime) -> int:
    """Return the start of a UTC day, given without a zone, in milliseconds since 1970."""
    return round(day.replace(tzinfo=UTC).timestamp() * 1000)
