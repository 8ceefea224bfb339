"""A real query service over made-up cells, a real dashboard, a real browser."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from tests.integration.test_query_service import QueryProcess
from tests.unit.query.crowd import HISTORY, LIVE, Crowd

from sottovoce.client import Client
from sottovoce.data_sets import Terms, creation
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.publishing import publish_catalogue
from sottovoce.data_sets.registry import Registry
from sottovoce.kafka import KafkaSettings, Topics, TransactionalWriter
from sottovoce.local.broker import LocalBroker
from sottovoce.local.ports import free_port

SLICES = 24
DAY_MS = 86_400_000
EPSILON = 100.0
"""At epsilon 1 nothing would be seen of a crowd as small as this one."""


class System:
    """Everything behind the browser; the query service can go and come back.

    Attributes:
        crowd: whose listens `live` holds, complete through its middle until `go_on`.
    """

    def __init__(self, folder: Path, bootstrap: str):
        self.settings = KafkaSettings(
            kafka_bootstrap=bootstrap, kafka_topic_prefix=f"{folder.name}."
        )
        self._log = (folder / "dashboard.log").open("wb")
        self._make()
        self._query_port = free_port()
        self.query: QueryProcess | None = None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.dashboard = subprocess.Popen(
            [sys.executable, "-m", "sottovoce_dashboard.main", f"--dashboard-port={self.port}",
             f"--query-address={self.address}", "--dashboard-refresh-seconds=0.5"],
            stdout=self._log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._wait_for_dashboard()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._query_port}"

    def _make(self) -> None:
        plain = Crowd()
        terms = [Terms(name, catalogue_version=plain.catalogue.version) for name in DATA_SETS]
        start_ms = (time.time_ns() // 1_000_000 // LIVE.slice_ms - SLICES) * LIVE.slice_ms
        # A slice has a budget only where the ledger is older: it was opened before the crowd came.
        with patch.object(creation, "time", SimpleNamespace(time_ns=lambda: start_ms * 1_000_000)):
            create_data_sets(self.settings, [LIVE, HISTORY], terms, brisk=True)
        publish_catalogue(self.settings, plain.catalogue, "made-up.csv")
        registry = Registry(self.settings)
        live, history = (registry.data_set(name) for name in DATA_SETS)
        registry.close()
        slice_ms = live.slice_ms
        self.crowd = Crowd(live, start_ms, SLICES, listens=6_000, listeners=2_000)
        self.middle_ms = start_ms + SLICES * slice_ms * 3 // 4
        past = Crowd(history, DAY_MS * 20_000, 90, listens=2_000, listeners=3, seed=3)
        self._writer = TransactionalWriter(self.settings, "consumer")
        topics = Topics(self.settings.kafka_topic_prefix)
        with self._writer.transaction():
            for name in plain.names():
                key = name.track_high.to_bytes(8) + name.track_low.to_bytes(8)
                self._writer.produce(topics.tracks, key, name.SerializeToString())
            for shard, key, value in self.crowd.records(self.middle_ms):
                self._writer.produce(topics.cells("live"), key, value, partition=shard)
        with self._writer.transaction():
            for shard, key, value in past.records():
                self._writer.produce(topics.cells("history"), key, value, partition=shard)

    def go_on(self) -> None:
        """Complete the next pane of `live`."""
        self.middle_ms += self.crowd.data_set.pane_ms
        topic = Topics(self.settings.kafka_topic_prefix).cells("live")
        with self._writer.transaction():
            for shard in range(self.crowd.data_set.shards):
                key, value = self.crowd.progress(shard, self.middle_ms, 100_000)
                self._writer.produce(topic, key, value, partition=shard)

    def start_query(self) -> None:
        self.query = QueryProcess(
            self.settings,
            SOTTOVOCE_QUERY_PORT=str(self._query_port),
            SOTTOVOCE_PRIVACY_EPSILON=str(EPSILON),
        )
        self.query.until_ready().close()

    def kill_query(self) -> None:
        if self.query is not None:
            self.query.stop(signal.SIGKILL)
            self.query = None

    def client(self) -> Client:
        return Client(self.address)

    def _wait_for_dashboard(self) -> None:
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1):
                    return
            except OSError:
                assert self.dashboard.poll() is None, "the dashboard ended"
                assert time.monotonic() < end, "the dashboard does not answer"
                time.sleep(0.2)

    def stop(self) -> int:
        """End all of it, the writer before its broker; return how the dashboard ended."""
        self.kill_query()
        self.dashboard.terminate()
        code = self.dashboard.wait(20)
        self._log.close()
        self.__dict__.pop("_writer", None)
        return code


DATA_SETS = ("live", "history")


@contextmanager
def running_system() -> Iterator[System]:
    folder = Path(tempfile.mkdtemp(prefix="sottovoce-dashboard-"))
    try:
        with LocalBroker(folder / "broker") as broker:
            system = System(folder, broker.bootstrap)
            try:
                yield system
            finally:
                system.stop()
    finally:
        shutil.rmtree(folder)


def chromium() -> str:
    """The system's Chromium; without one a test is skipped, or fails where all must run."""
    named = os.environ.get("SOTTOVOCE_CHROMIUM", "")
    for name in (named, "chromium", "chromium-browser", "google-chrome"):
        if name and (found := shutil.which(name)):
            return found
    lacks = "needs a Chromium: apt-get install chromium, or set SOTTOVOCE_CHROMIUM"
    if os.environ.get("SOTTOVOCE_REQUIRE_ALL") == "1":
        pytest.fail(lacks)
    pytest.skip(lacks)
