"""How long each service takes from its process's start until it is ready."""

from __future__ import annotations

import statistics

from benchmarks.ground import Ground
from benchmarks.made_up_log import fill
from benchmarks.processes import Child
from benchmarks.results import Result, Table
from benchmarks.services import QueryChild, producer_command, start_consumer

QUESTION = "How many seconds pass from a process's start until it is ready?"
_SIZES = {"tiny": (1, 20_000), "full": (3, 1_000_000)}
_PATIENCE = 120.0


def measure(size: str) -> Result:
    """Start each service several times, one at a time, over a log that holds something."""
    rounds, listens = _SIZES["tiny" if size == "tiny" else "full"]
    seconds: dict[str, list[float]] = {}
    with Ground() as ground:
        seconds["broker, formatted anew"] = [ground.start_seconds]
        fill(ground, listens)
        with start_consumer(ground):
            pass
        for _ in range(rounds):
            consumer = start_consumer(ground)
            ready = consumer.wait_for('"counting"')
            consumer.stop()
            seconds.setdefault("consumer: counting", []).append(ready)
            with QueryChild(ground) as query:
                seconds.setdefault("query service: serving", []).append(query.started_seconds)
            command = producer_command("run", "--rpc-port", "0")
            with Child("producer", command, ground.folder, ground.environment) as child:
                ready = child.wait_for('"ready"', _PATIENCE)
                key = f"producer: ready, {listens:,} listens read back"
                seconds.setdefault(key, []).append(ready)
    return Result(
        "startup",
        QUESTION,
        tables=[
            Table(
                f"Seconds, {rounds} starts each",
                ["service", "median", "slowest"],
                [[name, statistics.median(each), max(each)] for name, each in seconds.items()],
            )
        ],
        figures={"seconds": seconds},
    )
