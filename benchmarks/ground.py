"""The ground that benchmarks stand on: a real broker, topics, data sets, a folder."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from benchmarks.processes import Weight, weigh_session
from sottovoce.catalogue import Catalogue
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.data_set import DAY_MS, PROFILES, DataSet
from sottovoce.data_sets.publishing import publish_catalogue
from sottovoce.data_sets.registry import Registry
from sottovoce.data_sets.terms import Terms
from sottovoce.data_sets.topic_settings import create_topics, topic_specs
from sottovoce.kafka import KafkaSettings, Topics
from sottovoce.local.broker import LocalBroker

LISTENS_PER_SLICE = 100_000
"""C of the benchmarks: high, so that few listeners can make many listens. It costs nothing more."""


class Ground:
    """A broker with the data sets of the profile `standard`; gone at the end.

    Args:
        shards: partitions of each data set.
        heap_mb: the broker's heap.
        days: how long ago the ledger was opened, so that slices since then have a budget.
        catalogue: what the slices of `live` are pinned to.
        constants: what of `live` differs from the profile.
    """

    def __init__(
        self,
        *,
        shards: int = 16,
        heap_mb: int = 1024,
        days: int = 0,
        catalogue: Catalogue | None = None,
        **constants: Any,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sottovoce-bench-"))
        self.broker = LocalBroker(self.folder / "broker", heap_mb=heap_mb)
        self._days = days
        self._catalogue = catalogue
        profile = PROFILES["standard"]
        self.live = dataclasses.replace(profile["live"], shards=shards, **constants)
        self.history = dataclasses.replace(profile["history"], shards=shards)

    def __enter__(self) -> Self:
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self) -> None:
        began = time.time()
        self.broker.start()
        self.start_seconds = time.time() - began
        self.settings = KafkaSettings(kafka_bootstrap=self.broker.bootstrap)
        self.topics = Topics()
        bounds: dict[str, Any] = {"listens_per_slice": LISTENS_PER_SLICE, "slices_per_day": 24}
        if self._catalogue is not None:
            bounds["catalogue_version"] = self._catalogue.version
        create_data_sets(
            self.settings,
            [self.live, self.history],
            [Terms("live", **bounds), Terms("history", listens_per_slice=200, slices_per_day=1)],
            now_ms=time.time_ns() // 1_000_000 - self._days * DAY_MS,
        )
        if self._catalogue is not None:
            publish_catalogue(self.settings, self._catalogue, "made-up.csv")

    def __exit__(self, *_: object) -> None:
        self.broker.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """What tells a service where the broker is."""
        return {
            "SOTTOVOCE_KAFKA_BOOTSTRAP": self.broker.bootstrap,
            "SOTTOVOCE_LOG_FORMAT": "json",
        }

    @property
    def data_sets(self) -> list[DataSet]:
        """Both data sets."""
        return [self.live, self.history]

    def epoch(self, data_set: str) -> bytes:
        """Return the epoch of a data set's making."""
        registry = Registry(self.settings)
        found: bytes = registry.data_set(data_set).epoch
        registry.close()
        return found

    def forget_cells(self) -> None:
        """Make the consumer's topics anew: its next start counts the log from the beginning."""
        names = {self.topics.cells(each.name) for each in self.data_sets}
        names.add(self.topics.dead_letters)
        self.make_anew(names)

    def make_anew(self, names: set[str]) -> None:
        """Delete topics and create them again, empty."""
        admin = self.settings.admin()
        for future in admin.delete_topics(sorted(names)).values():
            future.result()
        while names & set(admin.list_topics(timeout=10).topics):
            time.sleep(0.1)
        specs = [s for s in topic_specs(self.topics, self.data_sets) if s.name in names]
        create_topics(admin, specs)

    def weigh_broker(self) -> Weight:
        """Weigh the broker."""
        properties = str(self.broker.folder / "server.properties").encode()
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if properties in entry.read_bytes().split(b"\0"):
                    return weigh_session(int(entry.parent.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
        raise LookupError("the broker is not running")

    def log_bytes(self, topic: str) -> int:
        """Return how many bytes a topic takes on disk."""
        data = self.folder / "broker" / "data"
        return sum(
            each.stat().st_size
            for folder in data.glob(f"{topic}-*")
            for each in folder.glob("*.log")
        )
