"""The services as processes over a test's own topics: what a test of the whole way drives."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from sottovoce.client import Client, QueryError
from sottovoce.data_sets import DataSet
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.terms import Terms
from sottovoce.kafka import KafkaSettings
from sottovoce.local.child import Child
from sottovoce.local.metrics_page import read_metrics
from sottovoce.local.ports import free_port


class WholeWay:
    """Starts services on topics of their own; a context manager that ends them all.

    Args:
        settings: the broker and the prefix.
        folder: where logs and keys go.
    """

    def __init__(self, settings: KafkaSettings, folder: Path) -> None:
        self.settings = settings
        self._folder = folder
        self._children: list[Child] = []
        told = settings.model_dump(mode="json", exclude_none=True)
        self._kafka = tuple(f"--{name.replace('_', '-')}={each}" for name, each in told.items())
        self.ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()

    def make(self, data_sets: list[DataSet], terms: list[Terms]) -> None:
        """Make the topics and data sets."""
        create_data_sets(self.settings, data_sets, terms, brisk=True)

    def administer(self, *arguments: str) -> None:
        """Run a command of `sottovoce` that ends by itself."""
        child = self._child("sottovoce", "sottovoce", *arguments, *self._kafka)
        child.start()
        child.finish(timeout=300)

    def start_producer(self, *arguments: str) -> Child:
        """Start the producer with its door open; return once it is."""
        port = self.ports.setdefault("producer", free_port())
        metrics = self.ports.setdefault("producer-metrics", free_port())
        child = self._producer("run", f"--rpc-port={port}", f"--metrics-port={metrics}", *arguments)
        child.start()
        wait_until(lambda: read_metrics(metrics) is not None, "the producer is ready")
        return child

    def hand_over(self, *arguments: str) -> Child:
        """Start handing plays to the producer that runs."""
        target = f"--rpc-target=127.0.0.1:{self.ports['producer']}"
        child = self._producer(*arguments, target, "--hand-over=always")
        child.start()
        return child

    def _producer(self, command: str, *arguments: str) -> Child:
        key = self._folder / "vault.key"
        if not key.exists():
            made = self._child("producer", "sottovoce_producer.main", "vault-key", str(key))
            made.start()
            made.finish(timeout=300)
        return self._child(
            "producer",
            "sottovoce_producer.main",
            command,
            *arguments,
            f"--vault-key-file={key}",
            *self._kafka,
        )

    def start_consumer(self, *arguments: str) -> Child:
        """Start the consumer; its metrics are at `ports["consumer"]`."""
        return self._serve("consumer", "--metrics-port", *arguments)

    def start_query(self, *arguments: str) -> Client:
        """Start the query service; return a client once it answers."""
        metrics = self.ports.setdefault("query-metrics", free_port())
        child = self._serve("query", "--query-port", f"--metrics-port={metrics}", *arguments)
        client = Client(f"127.0.0.1:{self.ports['query']}")

        def answers() -> bool:
            child.require_running()
            try:
                client.status()
            except QueryError:
                return False
            return True

        wait_until(answers, "the query service answers")
        return client

    def _serve(self, name: str, port_option: str, *arguments: str) -> Child:
        port = self.ports.setdefault(name, free_port())
        child = self._child(
            name, f"sottovoce_{name}.main", f"{port_option}={port}", *arguments, *self._kafka
        )
        child.start()
        return child

    def _child(self, name: str, module: str, *arguments: str) -> Child:
        child = Child(name, module, arguments, self._folder / f"{name}.log")
        self._children.append(child)
        return child


def wait_until(done: Callable[[], bool], what: str, seconds: float = 300.0) -> None:
    """Return when `done` says so; fail with `what` was waited for."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain until {what}"
        time.sleep(0.2)
