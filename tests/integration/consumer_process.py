"""A consumer as a process of its own, and the log that it reads, for tests."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from confluent_kafka import Consumer, Message, Producer, TopicPartition
from tests.made_up_listens import LogWithoutKafka, contents

from sottovoce.cells import ShardView
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.data_set import DataSet
from sottovoce.data_sets.registry import Registry
from sottovoce.data_sets.terms import Terms
from sottovoce.kafka import KafkaSettings, Topics
from sottovoce.wire.listens import LISTEN_BYTES, Listens, listen_keys
from sottovoce_consumer.admission import Admission
from sottovoce_consumer.placing import shards_of
from sottovoce_consumer.recovery import read_views


@dataclasses.dataclass(frozen=True)
class Place:
    """Data sets under one prefix of a broker."""

    settings: KafkaSettings
    data_sets: dict[str, DataSet]
    terms: dict[str, tuple[Terms, ...]]

    @classmethod
    def make(
        cls, bootstrap: str, prefix: str, data_sets: Sequence[DataSet], terms: Sequence[Terms] = ()
    ) -> Self:
        settings = KafkaSettings(kafka_bootstrap=bootstrap, kafka_topic_prefix=prefix)
        create_data_sets(settings, data_sets, terms, brisk=True)
        registry = Registry(settings)
        made = registry.data_sets
        terms_made = {name: tuple(registry.terms(name)) for name in made}
        registry.close()
        return cls(settings, made, terms_made)

    @property
    def topics(self) -> Topics:
        return Topics(self.settings.kafka_topic_prefix)

    def send(
        self, name: str, listens: Listens, odd: Sequence[tuple[int, bytes, bytes]] = ()
    ) -> None:
        """Write listens, and odd records as (shard, key, value)."""
        producer = Producer(self.settings.client_config(linger_ms=2))
        shards = shards_of(
            listens["listener_high"], listens["listener_low"], self.data_sets[name].shards
        )
        plain, topic = listens.tobytes(), self.topics.listens(name)
        for row, key in enumerate(listen_keys(listens)):
            value = plain[LISTEN_BYTES * row : LISTEN_BYTES * (row + 1)]
            producer.produce(topic, value, key, int(shards[row]))
            producer.poll(0)
        for shard, key, value in odd:
            producer.produce(topic, value, key, shard)
        assert producer.flush(20) == 0

    def log(self, name: str, shard: int) -> list[Message]:
        """Every record of a shard's log, heartbeats included."""
        reader = Consumer(
            self.settings.client_config(
                group_id="unused", enable_partition_eof=True, isolation_level="read_committed"
            )
        )
        reader.assign([TopicPartition(self.topics.listens(name), shard, 0)])
        found: list[Message] = []
        while True:
            for message in reader.consume(10_000, 1.0):
                if message.error() is not None:
                    reader.close()
                    return found
                found.append(message)

    def views(self) -> dict[tuple[str, int], ShardView]:
        return read_views(self.settings, list(self.data_sets.values()))

    def expected(self, name: str) -> dict[int, dict[int, bytes]]:
        """The contents of each shard's cells, counted from its log in one go, without Spark."""
        data_set = self.data_sets[name]
        rules = Admission(data_set, self.terms[name])
        return {
            shard: contents(
                LogWithoutKafka(data_set, rules, self.log(name, shard), shard=shard).run()
            )
            for shard in range(data_set.shards)
        }

    def found(self, name: str) -> dict[int, dict[int, bytes]]:
        """The contents of each shard's cells, as a reader finds them."""
        return {
            shard: contents(view) for (mine, shard), view in self.views().items() if mine == name
        }

    def admitted(self, name: str) -> int:
        return sum(
            view.progress.admitted
            for (mine, _), view in self.views().items()
            if mine == name and view.progress is not None
        )


class ConsumerProcess:
    """`sottovoce-consumer` over a place; ends with the test."""

    def __init__(self, place: Place, folder: Path, *arguments: str) -> None:
        self._log = folder / f"consumer-{time.time_ns()}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "sottovoce_consumer.main",
                    f"--kafka-bootstrap={place.settings.kafka_bootstrap}",
                    f"--kafka-topic-prefix={place.settings.kafka_topic_prefix}",
                    *arguments,
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait_until(self, done: Callable[[], bool], seconds: float = 240.0) -> None:
        """Wait for something while the process runs."""
        until = time.monotonic() + seconds
        while not done():
            assert self.process.poll() is None, f"the consumer ended:\n{self.output}"
            assert time.monotonic() < until, f"it took too long:\n{self.output}"
            time.sleep(0.2)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self, seconds: float = 60.0) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def family(self) -> set[int]:
        """The processes of its session: Spark's JVM and Python workers among them."""
        return {
            int(path.name)
            for path in Path("/proc").iterdir()
            if path.name.isdigit() and _session(int(path.name)) == self.process.pid
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0
