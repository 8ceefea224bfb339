"""What a running stack says of itself: rates, lag, how far it is; read again and again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sottovoce.client import Client, QueryError
from sottovoce.local.metrics_page import MetricsPage, read_metrics
from sottovoce.local.settings import StackPorts

_SPAN_SECONDS = 10.0
_SILENT = MetricsPage(())


class Rate:
    """How fast a total grows, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def note(self, moment: float, total: float) -> float:
        """Take note of a total at a moment, in seconds; return its growth in a second."""
        self._seen.append((moment, total))
        while moment - self._seen[0][0] > _SPAN_SECONDS and len(self._seen) > 2:
            self._seen.popleft()
        (first, before), (last, now) = self._seen[0], self._seen[-1]
        return (now - before) / (last - first) if last > first else 0.0


@dataclass(frozen=True, slots=True)
class VitalSigns:
    """Figures of one moment; None where a service does not say.

    Attributes:
        written_rate: listens a second that the producer writes.
        written: how many it wrote since it started.
        counted_rate: listens a second that the consumer counts.
        counted: how many it counted since the data set was made.
        refused: how many it refused.
        lag: records that wait for the consumer.
        complete_through: of `live`.
        waits_for: why no more of `live` is complete.
        slices: how many slices of `live` are held.
        privacy_mode: of the query service; empty where it does not say.
        epsilon: what may be given away about one listener's slice; 0 where nothing is charged.
        slice: the length of a slice of `live`.
    """

    written_rate: float | None = None
    written: float | None = None
    counted_rate: float | None = None
    counted: float | None = None
    refused: float | None = None
    lag: float | None = None
    complete_through: datetime | None = None
    waits_for: str = ""
    slices: int = 0
    privacy_mode: str = ""
    epsilon: float = 0.0
    slice: timedelta = timedelta(0)


class VitalSignsReader:
    """Reads metrics pages and the query service's status.

    Args:
        ports: of the stack.
        client: of its query service.
        read: reads a metrics page.
        clock: seconds.
    """

    def __init__(
        self,
        ports: StackPorts,
        client: Client,
        read: Callable[[int], MetricsPage | None] = read_metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ports = ports
        self._client = client
        self._read = read
        self._clock = clock
        self._written, self._counted = Rate(), Rate()

    def read(self) -> VitalSigns:
        """Return the figures of now."""
        now = self._clock()
        producer = self._read(self._ports.producer_metrics) or _SILENT
        consumer = self._read(self._ports.consumer_metrics) or _SILENT
        written = producer.total("sottovoce_producer_plays_total", outcome="taken")
        counted = consumer.total("sottovoce_consumer_listens_admitted_total", data_set="live")
        told, waits_for = None, ""
        try:
            told = self._client.status()
        except QueryError as error:
            waits_for = str(error)
        status = told.data_sets.get("live") if told else None
        return VitalSigns(
            written_rate=None if written is None else self._written.note(now, written),
            written=written,
            counted_rate=None if counted is None else self._counted.note(now, counted),
            counted=counted,
            refused=consumer.total("sottovoce_consumer_listens_refused_total"),
            lag=consumer.total("sottovoce_consumer_lag_records", data_set="live"),
            complete_through=status.complete_through if status else None,
            waits_for=status.waits_for if status else waits_for,
            slices=status.slices if status else 0,
            privacy_mode=told.privacy_mode if told else "",
            epsilon=told.epsilon if told else 0.0,
            slice=status.slice if status else timedelta(0),
        )
