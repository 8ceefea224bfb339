"""The whole system on this machine: a broker, the producer, the consumer, the query service."""

from __future__ import annotations

import dataclasses
import fcntl
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import grpc

from sottovoce.catalogue import read_catalogue
from sottovoce.data_sets import PROFILES
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.pinning import PROFILE_TERMS, pin
from sottovoce.data_sets.publishing import publish_catalogue
from sottovoce.kafka import KafkaSettings
from sottovoce.local import ports, prerequisites
from sottovoce.local.broker import LocalBroker
from sottovoce.local.child import Child, ChildEndedError
from sottovoce.local.errors import LocalError
from sottovoce.local.jars import Progress, silent
from sottovoce.local.metrics_page import read_metrics
from sottovoce.local.settings import StackSettings

_SERVING: Final = b"\x08\x01"
_HEALTH: Final = "/grpc.health.v1.Health/Check"


class Stack:
    """Starts everything in order, and stops it in the opposite order; a context manager.

    Args:
        settings: what it is told.
        progress: called with a line for a person at each step.
    """

    def __init__(self, settings: StackSettings, progress: Progress = silent) -> None:
        self.settings = settings
        self._progress = progress
        self._lock: BinaryIO | None = None
        at = settings.ports
        folder = settings.folder
        self.truth_folder = folder / "truth"
        self.broker = LocalBroker(folder / "broker", at.kafka, port_setting="--kafka-port")
        self.kafka = KafkaSettings(
            kafka_bootstrap=f"{ports.LOOPBACK}:{at.kafka}",
            kafka_topic_prefix="",
            kafka_security_protocol="PLAINTEXT",
        )
        self.query_address = f"{ports.LOOPBACK}:{at.query}"
        self.producer = self._child(
            "producer",
            "sottovoce_producer.main",
            "run",
            f"--vault-key-file={folder / 'vault.key'}",
            f"--rpc-port={at.producer}",
            f"--metrics-port={at.producer_metrics}",
            *([] if settings.personal else self._simulator()),
            *([f"--truth-folder={self.truth_folder}"] if settings.truth else []),
        )
        self.consumer = self._child(
            "consumer", "sottovoce_consumer.main", f"--metrics-port={at.consumer_metrics}"
        )
        self.query = self._child(
            "query service",
            "sottovoce_query.main",
            f"--query-port={at.query}",
            f"--metrics-port={at.query_metrics}",
            "--query-grace-seconds=1",
            "--query-drain-seconds=0",
            *(["--privacy-mode=personal"] if settings.personal else []),
            *([] if settings.epsilon is None else [f"--privacy-epsilon={settings.epsilon}"]),
        )
        self.dashboard = Child(
            "dashboard",
            "sottovoce_dashboard.main",
            [f"--dashboard-port={at.dashboard}", f"--query-address={self.query_address}"],
            folder / "log" / "dashboard.log",
        )
        self.services: tuple[Child, ...] = (self.producer, self.consumer, self.query)
        if settings.dashboard:
            self.services = (*self.services, self.dashboard)

    def _simulator(self) -> list[str]:
        told = self.settings
        return [
            f"--simulator-rate={told.rate}",
            f"--simulator-listeners={told.listeners}",
            f"--simulator-seats={told.seats}",
            f"--simulator-seed={told.seed}",
        ]

    def _child(self, name: str, module: str, *arguments: str) -> Child:
        log = self.settings.folder / "log" / f"{module.split('.')[0].split('_')[1]}.log"
        if "run" in arguments or not module.startswith("sottovoce_producer"):
            arguments = (*arguments, f"--kafka-bootstrap={self.kafka.kafka_bootstrap}")
        return Child(name, module, arguments, log)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        _: type[BaseException] | None,
        error: BaseException | None,
        __: TracebackType | None,
    ) -> None:
        self.stop()

    def _start(self) -> None:
        settings = self.settings
        prerequisites.java().require()
        settings.ports.require_free(() if settings.dashboard else ("dashboard",))
        self._clear_folder()
        catalogue_file = settings.folder / "made-up-catalogue.csv"
        preparations = self._preparations(catalogue_file)
        for each in preparations:
            each.start()
        try:
            self.broker.start(progress=self._progress)
            for each in preparations:
                each.finish(timeout=60)
        finally:
            for each in preparations:
                each.kill()
        self._progress(f"Kafka answers at {self.broker.bootstrap}")
        self._make_data_sets(catalogue_file)
        for service in self.services:
            service.start()
        self._wait("producer", lambda: read_metrics(settings.ports.producer_metrics) is not None)
        self._wait("query service", self._query_serves)
        self._wait("consumer", self._consumer_counts)
        if settings.dashboard:
            self._wait("dashboard", self._dashboard_listens)

    def _preparations(self, catalogue_file: Path) -> list[Child]:
        main, log = "sottovoce_producer.main", self.settings.folder / "log" / "producer.log"
        children = []
        if not self.settings.personal:
            made = ["made-up-catalogue", str(catalogue_file)]
            made += ["--tracks", str(self.settings.tracks), "--seed", str(self.settings.seed)]
            children.append(Child("making of a catalogue", main, made, log))
        key = self.settings.folder / "vault.key"
        if not key.exists():
            children.append(Child("making of a key", main, ["vault-key", str(key)], log))
        return children

    def _clear_folder(self) -> None:
        folder = self.settings.folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            self._lock = None
            raise LocalError(
                f"another demo runs in {folder}: stop it, or give this one a --folder of its own"
            ) from None
        if not self.settings.keep:
            for name in ("broker", "log", "truth"):
                shutil.rmtree(folder / name, ignore_errors=True)
            (folder / "vault.key").unlink(missing_ok=True)

    def _make_data_sets(self, catalogue_file: Path) -> None:
        told = self.settings
        live = PROFILES["demo"]["live"]
        live = dataclasses.replace(live, slice_ms=told.slice_ms or live.slice_ms)
        terms = dict(PROFILE_TERMS["demo"])
        first = terms["live"]
        terms["live"] = dataclasses.replace(
            first,
            lateness_ms=first.lateness_ms if told.lateness_ms is None else told.lateness_ms,
            listens_per_slice=told.listens_per_slice or first.listens_per_slice,
        )
        data_sets = [live, PROFILES["demo"]["history"]]
        create_data_sets(self.kafka, data_sets, list(terms.values()), brisk=True)
        if told.personal:
            self._progress("topics are made, for one's own history")
            return
        catalogue, _ = read_catalogue(catalogue_file)
        publish_catalogue(self.kafka, catalogue, catalogue_file.name)
        pin(self.kafka, {"catalogue_version": catalogue.version})
        self._progress(f"topics are made; a catalogue of {len(catalogue):,} made-up tracks is used")

    def _query_serves(self) -> bool:
        with grpc.insecure_channel(self.query_address) as channel:
            check: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_HEALTH)
            try:
                return check(b"", timeout=1) == _SERVING
            except grpc.RpcError:
                return False

    def _consumer_counts(self) -> bool:
        page = read_metrics(self.settings.ports.consumer_metrics)
        return page is not None and bool(
            page.total("sottovoce_consumer_last_commit_timestamp_seconds")
        )

    def _dashboard_listens(self) -> bool:
        try:
            with socket.create_connection((ports.LOOPBACK, self.settings.ports.dashboard), 1):
                return True
        except OSError:
            return False

    def _wait(self, name: str, ready: Callable[[], bool], timeout: float = 180.0) -> None:
        began = time.monotonic()
        while not ready():
            self.require_running()
            if time.monotonic() - began > timeout:
                log = next(each.log for each in self.services if each.name == name)
                raise ChildEndedError(f"the {name} is not ready after {timeout:.0f} s: see {log}")
            time.sleep(0.1)
        self._progress(f"the {name} is ready")

    def require_running(self) -> None:
        """Return while everything runs.

        Raises:
            ChildEndedError: something ended; the message has the end of its log.
        """
        for service in self.services:
            service.require_running()
        if not self.broker.running:
            raise ChildEndedError(f"the broker ended: see {self.broker.log}")

    def stop(self) -> None:
        """Stop everything in order: who writes first, the log last. Stopping twice is fine."""
        self.producer.stop(timeout=10)
        for service in (self.consumer, self.query, self.dashboard):
            service.ask_to_end()
        self.dashboard.stop(timeout=5)
        self.query.stop(timeout=5)
        self.consumer.stop(timeout=15)
        self.broker.stop(timeout=15)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self) -> None:
        """End everything at once."""
        for service in self.services:
            service.kill()
        self.broker.kill()
