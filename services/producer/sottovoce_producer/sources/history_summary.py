"""What an import of a listening history did, for the person who ran it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sottovoce_producer.counts import outcomes
from sottovoce_producer.sources.history import FileReport
from sottovoce_producer.sources.history_check import CheckedExport
from sottovoce_producer.sources.history_formats import COVERED, Shape

_SHOWN_REASONS = 10
_NOT_BY_THE_WRITER = ("taken", "duplicate", "malformed")


def print_summary(
    console: Console, export: CheckedExport, reports: Sequence[FileReport], videos: int
) -> None:
    """Print a table with a row for each file, then what was not taken and why.

    Args:
        console: where to.
        export: all files.
        reports: of those that were come to.
        videos: how many files of videos were left out.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("kind")
    for heading in ("rows", "done before", "taken", "known already", "not taken", "unreadable"):
        table.add_column(heading, justify="right")
    for report in reports:
        checked, counts = report.checked, report.counts
        not_taken = sum(report.skipped.values()) + sum(_left_out(report).values())
        figures = (
            checked.rows,
            report.done_before,
            counts.taken,
            counts.duplicate,
            not_taken,
            sum(each.count for each in report.malformed.values()),
        )
        kind = checked.shape.value if checked.shape else "no rows"
        shown = (f"{figure:,}" for figure in figures)
        table.add_row(escape(checked.file.file_name), kind, *shown)
    console.print(table)
    for line in _remarks(export, reports, videos):
        console.print(escape(line), soft_wrap=True)


def _left_out(report: FileReport) -> dict[str, int]:
    """Return how many plays the writer did not take, by why."""
    return {
        name.replace("_", " "): count
        for name, count in outcomes(report.counts).items()
        if name not in _NOT_BY_THE_WRITER
    }


def _remarks(export: CheckedExport, reports: Sequence[FileReport], videos: int) -> Iterator[str]:
    for report in reports:
        name = report.checked.file.file_name
        for why, count in (*report.skipped.most_common(), *_left_out(report).items()):
            yield f"{name}: {count:,} not taken: {why}"
        by_first = sorted(report.malformed.items(), key=lambda each: each[1].first)
        for why, bad in by_first[:_SHOWN_REASONS]:
            yield f"{name}: {bad.count:,} unreadable: {why}, first in row {bad.first:,}"
        if len(by_first) > _SHOWN_REASONS:
            yield f"{name}: and {len(by_first) - _SHOWN_REASONS} more reasons"
    if any(report.counts.resting for report in reports):
        yield (
            "resting: this account was forgotten; its plays count again from the next day (UTC) "
            "on, or when its erasure is done: import again then, with --from-start"
        )
    for file in export.repeated:
        yield f"{file.label}: left out, the same content came before"
    if videos:
        yield f"{videos:,} files of videos left out"
    account_data = any(each.checked.shape is Shape.ACCOUNT_DATA for each in reports)
    if account_data and not any(report.skipped[COVERED] for report in reports):
        yield (
            "account data tells times to the minute and no ids: if the extended history of the "
            "same time is imported as well, name both in one command, or plays count twice"
        )
