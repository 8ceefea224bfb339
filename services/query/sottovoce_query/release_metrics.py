"""What the gate tells Prometheus: charges and refusals, budgets, nothing of what was released."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sottovoce.privacy import MONTH_DAYS, Duplicate, Pot, Refused, Verdict, read_odometer
from sottovoce_query.releases.engine import Observer, Wanted
from sottovoce_query.releases.releasing import Releasing

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_ODOMETER_SECONDS: Final = 60.0
"""The odometer looks at every slice, so it is read at most so often."""


class ReleaseMetrics(Observer):
    """Counts what this replica drew, and what the ledger refused it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._drawn = Counter(
            "sottovoce_query_releases_total",
            "Releases drawn here: held, or discarded because another replica's came first",
            ["data_set", "statistic", "outcome"],
            registry=registry,
        )
        self._refused = Counter(
            "sottovoce_query_releases_refused_total",
            "Releases that the ledger refused",
            ["data_set", "statistic", "reason"],
            registry=registry,
        )
        self._seconds = Histogram(
            "sottovoce_query_release_seconds",
            "How long drawing, writing and reading back took, for all releases of a transaction",
            ["data_set", "statistic"],
            buckets=_SECONDS,
            registry=registry,
        )

    def drawn(self, wanted: Wanted, verdict: Verdict, seconds: float) -> None:
        """Count a release that was drawn."""
        outcome = "discarded" if isinstance(verdict, Duplicate) else "held"
        key = wanted.key
        self._drawn.labels(key.data_set, key.statistic, outcome).inc()
        self._seconds.labels(key.data_set, key.statistic).observe(seconds)

    def refused(self, wanted: Wanted, refused: Refused) -> None:
        """Count a refusal."""
        key = wanted.key
        reason = refused.reason.name.lower()
        self._refused.labels(key.data_set, key.statistic, reason).inc()


class BudgetMetrics(Collector):
    """Budgets, looked up in the ledger when somebody asks: public by what they are made of."""

    def __init__(self, releasing: Releasing) -> None:
        self._releasing = releasing
        self._odometer: tuple[float, list[Metric]] = (0.0, [])

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        allowed = _gauge("slice_epsilon_allowed", "Epsilon of each slice to come", "data_set")
        share = _gauge(
            "slice_epsilon_share",
            "Part of a slice's epsilon that is for a statistic; reserve: for questions",
            "data_set",
            "statistic",
        )
        spent = _gauge(
            "slice_epsilon_spent",
            "Epsilon that the newest slice that was charged has spent",
            "data_set",
            "pot",
        )
        left = _gauge("slice_epsilon_left", "Epsilon that it has left", "data_set", "pot")
        kept = _gauge("releases_kept", "Releases that are kept to serve", "data_set", "statistic")
        engine = self._releasing.engine
        with engine.locked():
            ledger = engine.ledger
            for name in self._releasing.desks:
                allowance = ledger.latest_allowance(name)
                if allowance is None:
                    continue
                budget = allowance.budget
                allowed.add_metric([name], float(budget.epsilon))
                share.add_metric([name, "reserve"], float(budget.reserve / budget.epsilon))
                for each in allowance.plan.standing:
                    share.add_metric([name, each.statistic], float(each.share))
                account = ledger.account(name, ledger.frontier(name))
                if account is not None:
                    spent.add_metric([name, Pot.STANDING.value], float(account.standing))
                    spent.add_metric([name, Pot.RESERVE.value], float(account.reserve))
                    for pot in Pot:
                        left.add_metric([name, pot.value], float(account.left(pot)))
        for data_set, statistic, count in self._releasing.shelf.sizes():
            kept.add_metric([data_set, statistic], count)
        yield from (allowed, share, spent, left, kept, *self._odometer_now())

    def _odometer_now(self) -> list[Metric]:
        at, known = self._odometer
        if known and time.monotonic() - at < _ODOMETER_SECONDS:
            return known
        worst = _gauge(
            "listener_epsilon_worst", "Most that one listener may have given away", "stretch"
        )
        most = _gauge(
            "listener_epsilon_worst_allowed", "Most that the budgets let it become", "stretch"
        )
        engine = self._releasing.engine
        with engine.locked():
            for stretch, days in (("day", 1), ("month", MONTH_DAYS)):
                reading = read_odometer(engine.ledger, days, Fraction(self._releasing.delta))
                worst.add_metric([stretch], float(reading.epsilon))
                most.add_metric([stretch], float(reading.allowed))
        self._odometer = time.monotonic(), [worst, most]
        return self._odometer[1]


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"sottovoce_query_{name}", text, labels=labels)
