"""`sottovoce-producer log FILE`."""

from __future__ import annotations

import sys
import time
from typing import Final

from sottovoce.service.logging import configure_logging
from sottovoce.service.settings import load_settings
from sottovoce.service.shutdown import Shutdown
from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.counts import add_counts, outcomes
from sottovoce_producer.hand_over import open_sink
from sottovoce_producer.session import system_clock_ms
from sottovoce_producer.settings import LogSettings
from sottovoce_producer.sources import Sink, Source, run_source
from sottovoce_producer.sources.log import Faults, LogIntoHistory, plays_of
from sottovoce_producer.sources.log_file import LogFile
from sottovoce_producer.sources.replay import LogIntoLive
from sottovoce_producer.writer import Batch

_REPORT_SECONDS: Final = 5.0


def main(arguments: list[str]) -> None:
    """Write the plays of a log; say what became of them."""
    settings = load_settings(LogSettings, "sottovoce-producer log", arguments)
    configure_logging(settings, "producer")
    file = LogFile(settings.file)
    shutdown = Shutdown()
    with open_sink(settings) as sink:
        _write(settings, file, sink, shutdown)


def _write(settings: LogSettings, file: LogFile, sink: Sink, shutdown: Shutdown) -> None:
    source, faults = _source(settings, file, shutdown)
    resumed = sink.cursor(source.name) is not None
    total = producer_pb2.PlayCounts()
    began = reported = time.monotonic()

    def written(_: Batch, counts: producer_pb2.PlayCounts) -> None:
        nonlocal reported
        add_counts(total, counts)
        if time.monotonic() - reported > _REPORT_SECONDS:
            reported = time.monotonic()
            sys.stderr.write(f"{sum(outcomes(total).values())} plays so far\n")

    try:
        run_source(source, sink, written, lambda: shutdown.requested)
    finally:
        _report(settings, file, total, faults, resumed=resumed, seconds=time.monotonic() - began)


def _source(settings: LogSettings, file: LogFile, shutdown: Shutdown) -> tuple[Source, Faults]:
    accounts = settings.accounts
    if accounts is None:
        accounts = f"{file.format.name}:"
    if settings.into == "history":
        source = LogIntoHistory(
            file,
            accounts=accounts,
            replicas=settings.replicas,
            batch_plays=settings.batch_plays,
        )
        return source, source.faults
    faults = Faults()
    plays = plays_of(list(file.rows()), accounts, faults)
    rate = {"own": None, "max": 0.0}.get(str(settings.pace), settings.pace)
    return (
        LogIntoLive(
            plays,
            name=f"log:{file.digest}:live:{accounts}:{settings.replicas}:{settings.pace}",
            data_set="live",
            replicas=settings.replicas,
            rate=None if rate is None else float(rate),
            batch_ms=settings.batch_ms,
            batch_plays=settings.batch_plays,
            clock_ms=system_clock_ms,
            wait=shutdown.wait,
        ),
        faults,
    )


def _report(
    settings: LogSettings,
    file: LogFile,
    total: producer_pb2.PlayCounts,
    faults: Faults,
    *,
    resumed: bool,
    seconds: float,
) -> None:
    counts = outcomes(total)
    plays = sum(counts.values())
    how = ", gone on where it stood" if resumed else ""
    title = f"{file.path.name} ({file.format.name}) into {settings.into}{how}"
    lines = [f"{title}: {plays} plays in {seconds:.1f} s"]
    lines += [f"  {count:>10}  {name.replace('_', ' ')}" for name, count in counts.items()]
    if total.rerouted:
        lines.append(f"  {total.rerouted:>10}  of these went to history, too late for live")
    lines += [f"  no play: {line}" for line in faults.lines()]
    sys.stdout.write("\n".join(lines) + "\n")
