"""Reading a service's Prometheus metrics."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from sottovoce.local.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure: its name, labels and value."""

    name: str
    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """All figures of a service at one moment."""

    samples: tuple[Sample, ...]

    def total(self, name: str, **labels: str) -> float | None:
        """Return the sum of the samples of a name and labels; None where there is none."""
        found = [
            each.value
            for each in self.samples
            if each.name == name and labels.items() <= each.labels.items()
        ]
        return sum(found) if found else None

    def by_label(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Return the samples of a name and labels, summed by another label's values."""
        found: dict[str, float] = {}
        for each in self.samples:
            if each.name == name and labels.items() <= each.labels.items():
                key = each.labels.get(label, "")
                found[key] = found.get(key, 0.0) + each.value
        return found


def read_metrics(port: int, timeout: float = 2.0) -> MetricsPage | None:
    """Read the metrics that a service of this machine serves; None while it serves none."""
    try:
        address = f"http://{LOOPBACK}:{port}/metrics"
        with urllib.request.urlopen(address, timeout=timeout) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None
    return MetricsPage(
        tuple(
            Sample(sample.name, dict(sample.labels), sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        )
    )
