"""What the query service tells Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sottovoce_query.answers import Answers
from sottovoce_query.cells import Materialiser

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class CallMetrics:
    """Calls by method and code, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "sottovoce_query_calls_total",
            "Calls that ended",
            ["method", "code"],
            registry=registry,
        )
        self._seconds = Histogram(
            "sottovoce_query_call_seconds",
            "How long calls took",
            ["method"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._ended: dict[tuple[str, str], Counter] = {}
        self._took: dict[str, Histogram] = {}

    def ended(self, method: str, code: str, seconds: float) -> None:
        """Note the end of a call."""
        counter = self._ended.get((method, code))
        if counter is None:
            counter = self._ended[method, code] = self._calls.labels(method, code)
            self._took[method] = self._seconds.labels(method)
        counter.inc()
        self._took[method].observe(seconds)


class HeldMetrics(Collector):
    """What is held, looked up when somebody asks."""

    def __init__(self, materialiser: Materialiser, answers: Answers) -> None:
        self._materialiser = materialiser
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        yield _gauge("sottovoce_query_cached_answers", "Answers that are kept", len(self._answers))
        yield _gauge(
            "sottovoce_query_cached_answer_bytes",
            "Bytes of answers that are kept",
            self._answers.bytes_held,
        )
        yield _gauge(
            "sottovoce_query_track_names",
            "Tracks whose names are known from the topic of tracks",
            self._materialiser.names,
        )
        yield _gauge(
            "sottovoce_query_start_lag_records",
            "Offsets still to read before the service is ready",
            self._materialiser.lag,
        )
        yield from self._by_data_set()

    def _by_data_set(self) -> Iterator[Metric]:
        gauges = {
            name: GaugeMetricFamily(f"sottovoce_query_{name}", text, labels=["data_set"])
            for name, text in (
                ("slices", "Slices that hold a listen"),
                ("merged_slices", "Slices that are merged over their shards"),
                ("merged_slice_bytes", "Bytes that merged slices take"),
                ("window_series", "Series whose sliding windows are kept"),
                ("complete_through_timestamp_seconds", "Panes that end by then are complete"),
                ("freshness_seconds", "Age of the newest complete pane"),
            )
        }
        for name, source in self._materialiser.sources.by_name.items():
            cells = source.cells
            through = cells.complete_through_ms / 1000
            gauges["slices"].add_metric([name], len(cells.starts))
            gauges["merged_slices"].add_metric([name], cells.merged_slices)
            gauges["merged_slice_bytes"].add_metric([name], cells.merged_bytes)
            gauges["window_series"].add_metric([name], len(source.windows))
            gauges["complete_through_timestamp_seconds"].add_metric([name], through)
            if through:
                gauges["freshness_seconds"].add_metric([name], time.time() - through)
        yield from gauges.values()


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
