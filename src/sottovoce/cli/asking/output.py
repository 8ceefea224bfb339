"""Answers on the terminal: a table for a person, JSON with stable keys for a program."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import typer

from sottovoce.cli.output import OutputFormat, print_json, print_rows
from sottovoce.client import Basis, Estimate


def plain(value: Any) -> Any:
    """Return a value as JSON has it: times as ISO 8601, lengths in seconds, nan as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (each.name for each in dataclasses.fields(value))
        return {name: plain(getattr(value, name)) for name in fields}
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float):
        return _number(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def moment(value: datetime | None) -> str:
    """Return a time as ISO 8601, UTC; empty for none."""
    if value is None:
        return ""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def figure(value: Estimate | None, digits: int = 0) -> str:
    """Return a figure with its interval, where it has one."""
    if value is None or math.isnan(value.value):
        return ""
    if value.lower == value.upper:
        return f"{value.value:,.{digits}f}"
    return f"{value.value:,.{digits}f} ({value.lower:,.{digits}f} to {value.upper:,.{digits}f})"


def _number(value: float) -> float | int:
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def show(
    answer: Any,
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    form: OutputFormat,
) -> None:
    """Print an answer: whole as JSON, or its rows with what they rest on below."""
    if form is OutputFormat.JSON:
        print_json(plain(answer))
        return
    print_rows(rows, columns, form)
    basis = getattr(answer, "basis", None)
    if isinstance(basis, Basis):
        typer.echo(f"{basis.data_set}, {moment(basis.range.start)} to {moment(basis.range.end)}.")
        if basis.notice:
            typer.echo(basis.notice)
