"""The whole system run once, and every answer compared with the truth."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from sottovoce.catalogue import read_catalogue
from sottovoce.client import Client, DataSetStatus, QueryError, TimeRange, Trends
from sottovoce.local.checks import Check
from sottovoce.local.child import ChildEndedError
from sottovoce.local.comparison import DATA_SET, Comparison, trend_checks
from sottovoce.local.errors import LocalError
from sottovoce.local.jars import Progress
from sottovoce.local.metrics_page import MetricsPage, read_metrics
from sottovoce.local.stack import Stack
from sottovoce.local.truth import Truth

_WHOLE_SLICES = 2
_PATIENCE = 120.0


def run_smoke(stack: Stack, progress: Progress) -> list[Check]:
    """Let a started stack run over whole slices, stop its producer, and compare everything.

    Args:
        stack: started, with `truth`.
        progress: called with a line for a person at each step.

    Returns:
        What was compared; the run is fine if every check is.

    Raises:
        LocalError: something ended, or what was waited for did not come.
    """
    with Client(stack.query_address) as client:
        progress(f"waiting for {_WHOLE_SLICES} whole slices")
        _wait(stack, client, _has_whole_slices, "no two whole slices are complete")
        trends = _first_trends(client)
        before = _require(read_metrics(stack.settings.ports.producer_metrics), "producer")
        stack.producer.stop(timeout=15)
        truth = Truth.read(stack.truth_folder, DATA_SET)
        progress(f"the producer stopped after {len(truth):,} listens; waiting for the last of them")
        slice_ = client.status().data_sets[DATA_SET].slice // timedelta(milliseconds=1)
        end_ms = truth.last_end_ms // slice_ * slice_ + slice_
        end = datetime.fromtimestamp(end_ms / 1000, UTC)
        status = _wait(
            stack,
            client,
            lambda each: each.complete_through is not None and each.complete_through >= end,
            "the last slice is not complete",
        )
        assert status.first_slice is not None
        asked = TimeRange(status.first_slice, end)
        catalogue, _ = read_catalogue(stack.settings.folder / "made-up-catalogue.csv")
        progress(f"asking every question about {asked.length}")
        checks = Comparison(client, asked, truth, catalogue).checks()
        checks += trend_checks(trends, truth)
        return checks + list(_metrics_checks(stack, before, truth, slice_))


def _has_whole_slices(status: DataSetStatus) -> bool:
    first, through = status.first_slice, status.complete_through
    return bool(first and through and through - first >= _WHOLE_SLICES * status.slice)


def _wait(
    stack: Stack, client: Client, done: Callable[[DataSetStatus], bool], otherwise: str
) -> DataSetStatus:
    until = time.monotonic() + _PATIENCE
    waits_for = ""
    while time.monotonic() < until:
        for service in stack.services:
            service.require_running()
        try:
            status = client.status().data_sets[DATA_SET]
        except QueryError as error:
            waits_for = str(error)
        else:
            if done(status):
                return status
            waits_for = status.waits_for
        time.sleep(0.2)
    raise LocalError(f"after {_PATIENCE:.0f} s {otherwise}: {waits_for}")


def _first_trends(client: Client) -> Trends:
    for message in client.trends(DATA_SET, size=10):
        return message
    raise LocalError("the stream of trends ended without a message")


def _require(page: MetricsPage | None, name: str) -> MetricsPage:
    if page is None:
        raise ChildEndedError(f"the {name} serves no metrics")
    return page


def _metrics_checks(
    stack: Stack, producer: MetricsPage, truth: Truth, slice_ms: int
) -> Iterator[Check]:
    ports = stack.settings.ports
    written = len(truth)
    taken = producer.total("sottovoce_producer_plays_total", outcome="taken") or 0
    last = _last_word(stack)
    yield Check(
        "producer's metrics, before it stopped", f"{taken:,.0f}", f"<= {written:,}",
        0 < taken <= written,
    )  # fmt: skip
    yield Check("producer's last word", f"{last:,}", f"{written:,}", last == written)
    consumer = _require(read_metrics(ports.consumer_metrics), "consumer")
    admitted = consumer.total("sottovoce_consumer_listens_admitted_total", data_set=DATA_SET)
    yield Check("consumer's metrics", f"{admitted or 0:,.0f}", f"{written:,}", admitted == written)
    query = _require(read_metrics(ports.query_metrics), "query service")
    slices = query.total("sottovoce_query_slices", data_set=DATA_SET) or 0
    held = truth.slices(slice_ms)
    yield Check("query's metrics, slices", f"{slices:.0f}", f"{held}", slices == held)
    codes = query.by_label("sottovoce_query_calls_total", "code")
    asked_in_all = sum(codes.values())
    yield Check(
        "query's metrics, calls answered",
        f"{codes.get('OK', 0):.0f} of {asked_in_all:.0f}",
        "all",
        0 < codes.get("OK", 0) == asked_in_all - codes.get("CANCELLED", 0),
    )


def _last_word(stack: Stack) -> int:
    """Return how many plays the producer says, at its end, that it took."""
    for line in reversed(stack.producer.log.read_text().splitlines()):
        if line.startswith("{") and '"stopped"' in line:
            return int(json.loads(line).get("taken", 0))
    return -1
