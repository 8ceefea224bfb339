"""What the producer tells Prometheus: true totals for operators, nothing about a listener."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.counts import add_counts, outcomes
from sottovoce_producer.session import system_clock_ms
from sottovoce_producer.state import WriterState
from sottovoce_producer.writer import Batch, Writer


class ProducerMetrics:
    """The producer's figures.

    Args:
        registry: where they are registered.
        state: the writer's.
    """

    def __init__(self, registry: CollectorRegistry, state: WriterState) -> None:
        self._plays = Counter(
            "sottovoce_producer_plays_total",
            "Plays handed to the writer, by what became of them",
            ["data_set", "outcome"],
            registry=registry,
        )
        self._rerouted = Counter(
            "sottovoce_producer_rerouted_plays_total",
            "Plays too late for live that were judged for history instead",
            registry=registry,
        )
        self._seconds = Histogram(
            "sottovoce_producer_transaction_seconds",
            "Time from a batch's arrival to its commit",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self._lag = Gauge(
            "sottovoce_producer_event_lag_seconds",
            "Age of the newest play of the last batch when it was committed",
            ["data_set"],
            registry=registry,
        )
        Gauge(
            "sottovoce_producer_listeners",
            "Listeners of this writer in the vault",
            registry=registry,
        ).set_function(lambda: len(state.listeners))
        Gauge(
            "sottovoce_producer_resting_accounts",
            "Accounts of this writer that were forgotten and do not count again yet",
            registry=registry,
        ).set_function(lambda: len(state.listeners.resting))
        entries = Gauge(
            "sottovoce_producer_vault_entries",
            "Entries of this writer in the vault, by the age of the key that they stand under",
            ["key"],
            registry=registry,
        )
        listeners = state.listeners
        entries.labels("older").set_function(lambda: listeners.older_entries)
        entries.labels("current").set_function(lambda: len(listeners) - listeners.older_entries)
        Gauge(
            "sottovoce_producer_dedupe_state_bytes",
            "Memory of the bounds and of the dedupe state",
            registry=registry,
        ).set_function(lambda: sum(each.bounds.nbytes for each in state.intakes.values()))

    def written(
        self, batch: Batch, counts: producer_pb2.PlayCounts, seconds: float, now_ms: int
    ) -> None:
        """Take note of a committed batch."""
        for name, count in outcomes(counts).items():
            label = name.replace("filtered: ", "filtered_")
            self._plays.labels(batch.data_set, label).inc(count)
        self._rerouted.inc(counts.rerouted)
        self._seconds.observe(seconds)
        if len(batch.plays):
            newest = int(batch.plays.end_time_ms.max())
            self._lag.labels(batch.data_set).set((now_ms - newest) / 1000)


class MeteredWriter:
    """The writer as a sink that keeps the figures. Any thread may call it.

    Args:
        writer: the writer.
        metrics: gets the figures.
        clock_ms: the time.

    Attributes:
        total: what became of all plays so far.
    """

    def __init__(
        self,
        writer: Writer,
        metrics: ProducerMetrics,
        clock_ms: Callable[[], int] = system_clock_ms,
    ) -> None:
        self._writer = writer
        self._metrics = metrics
        self._clock_ms = clock_ms
        self._adding = threading.Lock()
        self.total = producer_pb2.PlayCounts()

    def cursor(self, source: str) -> bytes | None:
        """Return where a source stands."""
        return self._writer.cursor(source)

    def write(self, batch: Batch) -> producer_pb2.PlayCounts:
        """Write a batch; return what became of its plays."""
        began = time.monotonic()
        counts = self._writer.write(batch)
        self._metrics.written(batch, counts, time.monotonic() - began, self._clock_ms())
        with self._adding:
            add_counts(self.total, counts)
        return counts

    def connect(self, account: str, tokens: bytes) -> None:
        """Keep the tokens of an account's connection to a source."""
        self._writer.connect(account, tokens)
