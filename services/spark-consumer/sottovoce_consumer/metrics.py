"""The consumer's figures for operators: true totals, nothing about a track, artist or listener."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

import sottovoce
from sottovoce.service.metrics import new_registry

_SECONDS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class RunningTotal(Collector):
    """A counter whose value is known elsewhere, and survives restarts there.

    Args:
        name: without `_total`.
        text: what it counts.
        labels: their names.
    """

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._values: dict[tuple[str, ...], float] = {}

    def set(self, value: float, *labels: str) -> None:
        """Set the total of one combination of labels."""
        self._values[labels] = value

    def collect(self) -> Iterator[Metric]:
        """Yield the totals, for a registry."""
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        yield family


class ConsumerMetrics:
    """Every figure, and the registry that they are in."""

    def __init__(self) -> None:
        self.registry: CollectorRegistry = new_registry("consumer", sottovoce.__version__)
        self.admitted = self._total(
            "listens_admitted", "Listens counted since the data set was made", "data_set"
        )
        self.refused = self._total(
            "listens_refused", "Records refused since the data set was made", "data_set", "reason"
        )
        self.deltas = self._counter("deltas_written", "Deltas of cells written", "data_set")
        self.folds = self._counter("cells_folded", "Cells folded into a base", "data_set")
        self.expired = self._counter("cells_expired", "Cells that were kept no longer", "data_set")
        self.lost = self._counter(
            "records_lost", "Records that were gone before they were read", "data_set"
        )
        self.heartbeats_failed = self._counter(
            "heartbeats_failed", "Heartbeats that the broker did not take"
        )
        self.lag = self._gauge("lag_records", "Records not yet counted", "data_set", "shard")
        self.margin = self._gauge(
            "margin_records",
            "Records counted that the log still holds: at 0 it begins to lose what is not counted",
            "data_set",
            "shard",
        )
        self.complete_through = self._gauge(
            "complete_through_timestamp_seconds",
            "Through when every shard is complete, Unix time",
            "data_set",
        )
        self.last_commit = self._gauge(
            "last_commit_timestamp_seconds", "When it last committed, Unix time"
        )
        self.cells = self._gauge("cells", "Cells that stand", "data_set")
        self.erasures = self._gauge("erasures", "Erasures that are not done, by their step", "step")
        self.freshness = self._histogram(
            "freshness_seconds", "From the stamp of a shard's last record to its commit", "data_set"
        )
        self.batch = self._histogram(
            "batch_seconds", "From the start of a batch's reading to its commit"
        )
        self.commit = self._histogram("commit_seconds", "Of a batch, merging and committing")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"sottovoce_consumer_{name}", text, labels, registry=self.registry)

    def _total(self, name: str, text: str, *labels: str) -> RunningTotal:
        total = RunningTotal(f"sottovoce_consumer_{name}", text, labels)
        self.registry.register(total)
        return total

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"sottovoce_consumer_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(
            f"sottovoce_consumer_{name}", text, labels, registry=self.registry, buckets=_SECONDS
        )
