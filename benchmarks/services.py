"""The services as children, as an operator would start them."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.ground import Ground
from benchmarks.processes import Child, ChildFailedError
from sottovoce.local.ports import free_port

QUERY = "sottovoce.v1.QueryService"
PSEUDONYM_SEED = "benchmarks"
_PATIENCE = 120.0
_ABSENT = Path(__file__).parent / "absent"


class QueryChild(Child):
    """The query service on free ports; `started_seconds` from its start until it was serving.

    It finds no pandas, which its image has not: Arrow would load it wherever it is.
    """

    def __init__(self, ground: Ground) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.metrics_port = free_port()
        command = ["-m", "sottovoce_query.main", "--query-port", self.address.split(":")[1]]
        command += ["--metrics-port", str(self.metrics_port)]
        environment = ground.environment | {"PYTHONPATH": str(_ABSENT)}
        super().__init__("query", command, ground.folder, environment)
        self.started_seconds = self._wait_until_serving()

    def _wait_until_serving(self) -> float:
        until = time.monotonic() + _PATIENCE
        serving = health_pb2.HealthCheckResponse.SERVING
        # A channel that failed to connect waits long before it tries again.
        options = [("grpc.max_reconnect_backoff_ms", 50), ("grpc.initial_reconnect_backoff_ms", 50)]
        with grpc.insecure_channel(self.address, options) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            while time.monotonic() < until:
                self.check()
                try:
                    answer = health.Check(health_pb2.HealthCheckRequest(service=QUERY), timeout=1.0)
                    if answer.status == serving:
                        return time.time() - self.started
                except grpc.RpcError:
                    pass
                time.sleep(0.02)
        raise ChildFailedError("the query service did not become ready")

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        return read_metric(self.metrics_port, name)


def read_metric(port: int, name: str) -> float:
    """Return the sum of a metric over its labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.split("{")[0].split(" ")[0] == name]
    if not found:
        raise LookupError(f"no metric {name}")
    return sum(float(line.rpartition(" ")[2]) for line in found)


def start_consumer(ground: Ground, **settings: str) -> Child:
    """Start the consumer, and return once it counts."""
    environment = ground.environment | {
        f"SOTTOVOCE_{name.upper()}": value for name, value in settings.items()
    }
    child = Child("consumer", ["-m", "sottovoce_consumer.main"], ground.folder, environment)
    child.wait_for('"counting"', _PATIENCE)
    return child


def producer_command(*arguments: str) -> list[str]:
    """Return the command of a producer whose listeners are made up."""
    seed = ["--pseudonym-seed", PSEUDONYM_SEED]
    return ["-m", "sottovoce_producer.main", arguments[0], *seed, *arguments[1:]]


def start_simulator(ground: Ground, rate: float, *arguments: str) -> Child:
    """Start the producer with its simulator at a rate: 0 is as fast as it goes."""
    command = producer_command(
        "run",
        *("--rpc-port", "0", "--simulator-rate", str(rate)),
        *("--simulator-listeners", "200000", "--simulator-seats", "100000"),
        *("--simulator-tracks", "30000"),
        *arguments,
    )
    return Child("producer", command, ground.folder, ground.environment)
