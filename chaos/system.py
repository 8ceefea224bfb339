"""The whole system under load: a broker, a producer, imports, a consumer, two query services."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from chaos.asking import Address
from chaos.hanging import Operator
from chaos.imports import LISTENS_PER_SLICE, Importer
from chaos.inflicting import Live
from chaos.isolation import Isolation
from chaos.parts import Part, broker_part, child_part
from chaos.pulse import Pulse
from chaos.waiting import wait_until
from sottovoce.catalogue import read_catalogue
from sottovoce.client import Client, QueryError
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.data_set import PROFILES, SECOND_MS
from sottovoce.data_sets.pinning import pin
from sottovoce.data_sets.publishing import publish_catalogue
from sottovoce.data_sets.terms import Terms
from sottovoce.data_sets.topic_checks import describe_topics
from sottovoce.kafka import KafkaSettings
from sottovoce.local import ports
from sottovoce.local.broker import LocalBroker
from sottovoce.local.child import Child
from sottovoce.service.access import Role

PSEUDONYM_SEED: Final = "chaos"
REPLICAS: Final = ("query-1", "query-2")

_BROKER_DISK_MB: Final = 1_024
_CONSUMER_DISK_MB: Final = 256
_TRACKS: Final = 500
_MORE_THAN_PLAYED: Final = 200
_SLICES_OF_A_DAY: Final = 8_640


class System:
    """Everything, in a folder of its own.

    Args:
        folder: empty; gets data, logs and what was made up.
        isolation: gives networks and disks.
        seed: decides who listens to what.
        rate: made-up plays a second.
    """

    def __init__(self, folder: Path, isolation: Isolation, seed: int, rate: float) -> None:
        self.folder = folder
        self.isolation = isolation
        self.seed = seed
        self.truth = folder / "truth"
        port = ports.free_port()
        self.kafka = KafkaSettings(
            kafka_bootstrap=f"{isolation.broker_address}:{port}", kafka_topic_prefix=""
        )
        self._broker = LocalBroker(folder / "broker", port, _reachable(isolation, port))
        self.disks = {"broker": folder / "broker" / "data", "consumer": folder / "consumer"}
        self._token = secrets.token_urlsafe(32)
        self._doors = {name: ports.free_port() for name in REPLICAS}
        rpc = ports.free_port()
        self.importer = Importer(
            folder / "imports",
            seed,
            [f"--rpc-target=127.0.0.1:{rpc}", "--hand-over=always"],
            isolation.within("producer"),
            self._log("importer"),
        )
        self.parts: dict[str, Part] = {
            "broker": broker_part(self._broker),
            "producer": child_part(
                self._child(
                    "producer",
                    "sottovoce_producer.main",
                    "run",
                    f"--pseudonym-seed={PSEUDONYM_SEED}",
                    f"--rpc-port={rpc}",
                    f"--simulator-rate={rate}",
                    f"--simulator-seed={seed}",
                    "--simulator-duplicates=0",
                    f"--truth-folder={self.truth}",
                )
            ),
            "consumer": self.consumer(),
            "importer": Part(
                "importer",
                self.importer,
                lambda: self.importer.exit_code,
                self.importer.go_on,
            ),
            **{name: child_part(self._replica(name)) for name in REPLICAS},
        }

    @contextmanager
    def running(self) -> Iterator[Pulse]:
        """Start everything; yield when all are live; end everything."""
        pulse = None
        try:
            self._start_broker()
            self._make()
            pulse = Pulse(self.kafka, PROFILES["demo"]["live"].shards)
            pulse.start()
            for name, part in self.parts.items():
                if name != "broker":
                    part.start()
            began = time.time()
            for name, live in self.live(pulse).items():
                wait_until(partial(live, began), f"the {name} is live", 120)
            yield pulse
        finally:
            if pulse is not None:
                pulse.stop()
            for name in reversed(self.parts):
                self.parts[name].kill()
            self.isolation.close()

    def live(self, pulse: Pulse) -> dict[str, Live]:
        """Return how each part is seen to do what it is for."""
        return {
            "broker": lambda _: self.broker_answers(),
            "producer": lambda since: pulse.source_moved("simulator") >= since,
            "importer": lambda since: self.importer.resting or pulse.source_moved("log") >= since,
            "consumer": pulse.is_caught_up,
            **{name: self._answering(name) for name in REPLICAS},
        }

    def client(self, name: str) -> Client:
        """Return a new client of a replica."""
        return Client(
            f"{self.isolation.address(name)}:{self._doors[name]}",
            token=self._token if self.isolation.networks else None,
            tls_terminated_elsewhere=self.isolation.networks,
            timeout=5.0,
        )

    def clients(self) -> dict[str, Address]:
        """Return how to reach each replica."""
        return {name: self._reaching(name) for name in REPLICAS}

    def broker_answers(self) -> bool:
        """Whether the broker answers at once."""
        admin = AdminClient(self.kafka.client_config())
        try:
            return bool(admin.list_topics(timeout=1.0).brokers)
        except KafkaException:
            return False

    def consumer(self) -> Part:
        """Return a consumer, not started."""
        own = str(self.disks["consumer"])
        child = Child(
            "consumer",
            "sottovoce_consumer.main",
            [f"--kafka-bootstrap={self.kafka.kafka_bootstrap}", "--deltas-per-base=8"],
            self._log("consumer"),
            within=self.isolation.within("consumer"),
            environment={"TMPDIR": own, "SPARK_LOCAL_DIRS": own},
        )
        return child_part(child)

    def operator(self, tell: Callable[[str], None]) -> Operator:
        """Return who looks after all of our logs."""
        logs = [log for each in describe_topics(self.kafka) for log in each.logs]
        return Operator(self.kafka, self._broker.jars, logs, tell)

    def import_again(self, file: Path, prefix: str) -> KafkaSettings:
        """Import a file, undisturbed, into a `history` of its own; return where."""
        calm = self.kafka.model_copy(update={"kafka_topic_prefix": prefix})
        create_data_sets(calm, [PROFILES["demo"]["history"]], _terms()[1:], brisk=True)
        self._finish(
            "calm-importer",
            "sottovoce_producer.main",
            "log",
            str(file),
            "--hand-over=never",
            f"--pseudonym-seed={PSEUDONYM_SEED}",
            f"--kafka-bootstrap={calm.kafka_bootstrap}",
            f"--kafka-topic-prefix={prefix}",
        )
        return calm

    def _start_broker(self) -> None:
        self._broker.jars.fetch()
        self.isolation.mount(self.disks["broker"], _BROKER_DISK_MB)
        self.isolation.mount(self.disks["consumer"], _CONSUMER_DISK_MB)
        self.parts["broker"].start()

    def _make(self) -> None:
        live = dataclasses.replace(PROFILES["demo"]["live"], slice_ms=10 * SECOND_MS)
        create_data_sets(self.kafka, [live, PROFILES["demo"]["history"]], _terms(), brisk=True)
        file = self.folder / "catalogue.csv"
        self._finish(
            "made-up-catalogue",
            "sottovoce_producer.main",
            *("made-up-catalogue", str(file)),
            *("--tracks", str(_TRACKS), "--seed", str(self.seed)),
        )
        catalogue, _ = read_catalogue(file)
        publish_catalogue(self.kafka, catalogue, file.name)
        pin(self.kafka, {"catalogue_version": catalogue.version})
        callers = {
            "callers": [
                {
                    "name": "chaos",
                    "roles": [Role.ANALYST, Role.OPERATOR],
                    "token_sha256": hashlib.sha256(self._token.encode()).hexdigest(),
                }
            ]
        }
        self._callers.write_text(json.dumps(callers))
        self._callers.chmod(0o600)

    @property
    def _callers(self) -> Path:
        return self.folder / "callers.json"

    def _replica(self, name: str) -> Child:
        arguments = [f"--query-port={self._doors[name]}", "--privacy-epsilon=4"]
        if self.isolation.networks:
            arguments += [
                f"--query-host={self.isolation.address(name)}",
                f"--access-file={self._callers}",
                "--tls-terminated-elsewhere",
            ]
        return self._child(name, "sottovoce_query.main", *arguments)

    def _child(self, name: str, module: str, *arguments: str) -> Child:
        arguments = (*arguments, f"--kafka-bootstrap={self.kafka.kafka_bootstrap}")
        return Child(name, module, arguments, self._log(name), within=self.isolation.within(name))

    def _finish(self, name: str, module: str, *arguments: str) -> None:
        child = Child(name, module, arguments, self._log(name))
        child.start()
        child.finish(timeout=300)

    def _log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def _reaching(self, name: str) -> Address:
        return lambda: self.client(name)

    def _answering(self, name: str) -> Live:
        def live(_: float) -> bool:
            with self.client(name) as client:
                try:
                    client.status()
                except QueryError:
                    return False
            return True

        return live


def _terms() -> list[Terms]:
    """Return bounds that cut in `history` alone."""
    return [
        Terms(
            "live",
            lateness_ms=2 * SECOND_MS,
            listens_per_slice=_MORE_THAN_PLAYED,
            slices_per_day=_SLICES_OF_A_DAY,
        ),
        Terms("history", listens_per_slice=LISTENS_PER_SLICE, slices_per_day=1),
    ]


def _reachable(isolation: Isolation, port: int) -> dict[str, str]:
    """Return what lets others than this process's own network reach the broker."""
    if not isolation.networks:
        return {}
    control = ports.free_port()
    return {
        "listeners": f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://127.0.0.1:{control}",
        "advertised.listeners": f"PLAINTEXT://{isolation.broker_address}:{port}",
        "controller.quorum.voters": f"1@127.0.0.1:{control}",
    }
