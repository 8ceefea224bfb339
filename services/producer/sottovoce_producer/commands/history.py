"""`sottovoce-producer history PATH ...`."""

from __future__ import annotations

import gc

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from sottovoce.service.logging import configure_logging
from sottovoce.service.settings import load_settings
from sottovoce.service.shutdown import Shutdown
from sottovoce_producer.hand_over import open_sink
from sottovoce_producer.sources.history import FileReport, HistoryImport
from sottovoce_producer.sources.history_check import CheckedExport, check_files
from sottovoce_producer.sources.history_files import FoundFiles, find_files
from sottovoce_producer.sources.history_settings import HistorySettings
from sottovoce_producer.sources.history_summary import print_summary

_INTERRUPTED = 130


def main(arguments: list[str]) -> None:
    """Import a listening history; say what was taken, what was not, and why."""
    settings = load_settings(HistorySettings, "sottovoce-producer history", arguments)
    configure_logging(settings, "producer")
    # Millions of small rows, none of them in a cycle: looking for cycles so often finds nothing.
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    shutdown = Shutdown()
    found = find_files(settings.paths)
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as bars:
        export = _check(found, settings.account, bars, shutdown)
        importing = HistoryImport(export, settings.account, from_start=settings.from_start)
        with open_sink(settings) as sink:
            bar = bars.add_task("importing", total=sum(file.rows for file in export.files))

            def progress(_: FileReport) -> None:
                bars.update(bar, completed=sum(each.done for each in importing.reports))

            try:
                importing.run(sink, progress, lambda: shutdown.requested)
            finally:
                bars.stop()
                print_summary(Console(), export, importing.reports, found.videos)
    if not importing.complete:
        console.print("interrupted: the same command goes on where it stood")
        raise SystemExit(_INTERRUPTED)


def _check(found: FoundFiles, account: str, bars: Progress, shutdown: Shutdown) -> CheckedExport:
    bar = bars.add_task("looking it through", total=sum(file.size for file in found.plays))

    def progress(more: int) -> None:
        bars.advance(bar, more)
        if shutdown.requested:
            raise SystemExit(_INTERRUPTED)

    return check_files(found.plays, account, progress)
