"""What has been released of the newest slice, for Prometheus: what any question about it gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sottovoce.privacy import half_width
from sottovoce.wire.listens import country_name
from sottovoce_query.errors import QuestionError
from sottovoce_query.figures import SURELY
from sottovoce_query.ranges import Range
from sottovoce_query.releases.statistic import COUNTRIES, GENRES, NEW_LISTENERS
from sottovoce_query.sources import Source, Sources

_NEEDED: Final = (GENRES, COUNTRIES, NEW_LISTENERS)


class MusicMetrics(Collector):
    """Plays and listeners of each data set's newest slice, noise in them; nothing is charged.

    A figure that the plan has no standing share for is not asked for: it would cost the reserve.

    Args:
        sources: of the mode enforced.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._known: dict[str, tuple[Range, list[tuple[str, tuple[str, ...], float]]]] = {}

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        families = {
            name: GaugeMetricFamily(f"sottovoce_query_slice_{name}", text, labels=labels)
            for name, text, labels in (
                (
                    "end_timestamp_seconds",
                    "End of the newest slice that was released",
                    ["data_set"],
                ),
                ("plays", "Plays of that slice, as released", ["data_set"]),
                ("listeners", "Distinct listeners of that slice, as released", ["data_set"]),
                ("genre_plays", "Plays of that slice, as released", ["data_set", "genre"]),
                ("country_plays", "Plays of that slice, as released", ["data_set", "country"]),
            )
        }
        for name, source in self._sources.by_name.items():
            for family, labels, value in self._of(name, source):
                families[family].add_metric([name, *labels], value)
        yield from families.values()

    def _of(self, name: str, source: Source) -> list[tuple[str, tuple[str, ...], float]]:
        slice_ms = source.cells.data_set.slice_ms
        end_ms = source.gate.complete_through_ms // slice_ms * slice_ms
        newest = Range(end_ms - slice_ms, end_ms)
        known = self._known.get(name)
        if known is not None and known[0] == newest:
            return known[1]
        if newest.start_ms < max(0, source.gate.floor_ms) or not self._stands(name):
            return []
        try:
            found = _figures(source, newest)
        except QuestionError:
            return []
        self._known[name] = newest, found
        return found

    def _stands(self, name: str) -> bool:
        releasing = self._sources.releasing
        if releasing is None:
            return False
        with releasing.engine.locked():
            allowance = releasing.engine.ledger.latest_allowance(name)
        if allowance is None:
            return False
        standing = {each.statistic for each in allowance.plan.standing}
        return standing.issuperset(each.name for each in _NEEDED)


def _figures(source: Source, asked: Range) -> list[tuple[str, tuple[str, ...], float]]:
    genres, countries = source.gate.genres(asked), source.gate.countries(asked)
    # Of all the countries that nobody is in, noise would make some.
    countries = countries.above(half_width(countries.noises, SURELY))
    return [
        ("end_timestamp_seconds", (), asked.end_ms / 1000),
        ("plays", (), source.gate.plays(asked).value),
        ("listeners", (), source.gate.distinct_listeners(asked).value),
        *(
            ("genre_plays", (str(genre),), float(max(0, count)))
            for genre, count in zip(genres.names, genres.counts.tolist(), strict=True)
        ),
        *(
            ("country_plays", (country_name(code),), float(count))
            for code, count in zip(countries.names.tolist(), countries.counts, strict=True)
        ),
    ]
