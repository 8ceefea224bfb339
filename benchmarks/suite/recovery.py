"""How long nothing is counted after the consumer was killed."""

from __future__ import annotations

import statistics
import time

from benchmarks.ground import Ground
from benchmarks.live_stream import PER_SECOND, Commits, LiveStream
from benchmarks.processes import ChildFailedError
from benchmarks.results import Result, Table, Target
from benchmarks.services import start_consumer

QUESTION = "How many seconds after kill -9 of the driver is everything counted as it comes again?"
_KILLS = {"tiny": 1, "full": 5}
_LIVE_MS = 3_000
"""Whoever is so far behind the log is live."""
_REST_SECONDS = 8.0
_PATIENCE = 120.0


def measure(size: str) -> Result:
    """Kill the consumer and all its processes several times, and start it again at once."""
    seconds = []
    with Ground() as ground, LiveStream(ground):
        commits = Commits(ground)
        consumer = start_consumer(ground)
        _until_live(commits, 0)
        for _ in range(_KILLS["tiny" if size == "tiny" else "full"]):
            _rest(commits)
            consumer.kill()
            killed_ms = _now_ms()
            consumer = start_consumer(ground)
            _until_live(commits, killed_ms)
            seconds.append((_now_ms() - killed_ms) / 1_000)
            print(f"  live again after {seconds[-1]:.1f} s", flush=True)
        consumer.stop()
    return Result(
        "recovery",
        QUESTION,
        tables=[
            Table(
                f"{PER_SECOND:,} listens/s into {ground.live.shards} shards, started again at once",
                ["kills", "median, s", "slowest, s"],
                [[len(seconds), statistics.median(seconds), max(seconds)]],
            )
        ],
        targets=[
            Target("live again after kill -9, the slowest", max(seconds), 20.0, "at most", "s")
        ],
        figures={"seconds": seconds},
        notes=[
            (
                "Live again: in every shard all is counted that was appended since the kill, up to "
                f"{_LIVE_MS // 1_000} s ago. Broker, writer and consumer share the machine; beside "
                "two query services and imports, as in `make chaos`, it takes longer."
            )
        ],
    )


def _until_live(commits: Commits, since_ms: int) -> None:
    until = time.monotonic() + _PATIENCE
    while commits.live_through_ms() < max(since_ms, _now_ms() - _LIVE_MS):
        if time.monotonic() > until:
            raise ChildFailedError("the consumer did not become live")
        commits.look()


def _rest(commits: Commits) -> None:
    until = time.monotonic() + _REST_SECONDS
    while time.monotonic() < until:
        commits.look()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
