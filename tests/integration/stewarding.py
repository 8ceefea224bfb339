"""What a steward needs beside the consumer, in this process: a query service, a producer's door."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Self

from prometheus_client import CollectorRegistry
from tests.integration.consumer_process import Place
from tests.unit.query.serving import Serving

from sottovoce_producer.assembly import assemble
from sottovoce_producer.rpc import Door
from sottovoce_producer.settings import RunSettings, WriterSettings
from sottovoce_query.cells import Materialiser
from sottovoce_query.settings import QuerySettings


class Replica:
    """A query service that follows the log."""

    def __init__(self, place: Place, **settings) -> None:
        self.serving = Serving()
        self.materialiser = Materialiser(
            QuerySettings(
                kafka_bootstrap=place.settings.kafka_bootstrap,
                kafka_topic_prefix=place.settings.kafka_topic_prefix,
                **settings,
            ),
            self._changed,
        )
        self.materialiser.catch_up()
        self.serving.open(self.materialiser.sources, self.materialiser.erasures)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self.materialiser.follow, args=(self._ended,))
        self._thread.start()

    @property
    def address(self) -> str:
        return self.serving.address

    def _changed(self) -> None:
        self.serving.call(self.serving.service.notify)
        self.serving.call(self.serving.erasures.notify)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(20)
        self.materialiser.close()
        self.serving.stop()


class Desk:
    """A replica, a writer behind its door, and the command line between them."""

    def __init__(self, place: Place, **settings) -> None:
        self.place = place
        self.replica = Replica(place, **settings)
        self.assembly = assemble(
            WriterSettings(
                kafka_bootstrap=place.settings.kafka_bootstrap,
                kafka_topic_prefix=place.settings.kafka_topic_prefix,
                pseudonym_seed="tests",
            )
        )
        self.door = Door(
            self.assembly.writer,
            self.assembly.accounts,
            RunSettings(rpc_port=0),
            CollectorRegistry(),
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        settings = self.place.settings
        return subprocess.Popen(
            [sys.executable, "-m", "sottovoce", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "SOTTOVOCE_QUERY_ADDRESS": self.replica.address,
                "SOTTOVOCE_RPC_TARGET": self.door.address,
                "SOTTOVOCE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
                "SOTTOVOCE_KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
            },
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.door.close()
        self.assembly.close()
        self.replica.__exit__()
