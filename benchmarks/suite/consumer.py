"""The consumer against Spark's own Kafka source over the same topic, in turns."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.connector import fetch_connector
from benchmarks.ground import Ground
from benchmarks.made_up_log import LISTENERS, TRACKS, fill
from benchmarks.processes import Child, ChildFailedError, Weight
from benchmarks.results import Result, Table, Target
from sottovoce.kafka import LogReader
from sottovoce.kafka.offsets import last_stable_offsets
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2

QUESTION = (
    "How fast are listens read, decoded, admitted, counted and committed, beside Spark's own Kafka "
    "source that reads the same topic to nowhere?"
)
_SIZES = {"tiny": (400_000, 100_000, 1), "full": (4_000_000, 1_000_000, 3)}
_WAYS = {
    "consumer": "the consumer, everything a cell holds, committed",
    "noop": "Spark's Kafka source to `noop`, tuned",
    "built-ins": "Spark's Kafka source and built-ins (`hll_sketch_agg`, `approx_top_k`, counts)",
}
_PATIENCE = 180.0


def measure(size: str) -> Result:
    """Run every way over one topic, in turns, as often as the size says."""
    listens, batch, rounds = _SIZES[size]
    rates: dict[str, list[float]] = {way: [] for way in _WAYS}
    cpu: dict[str, list[float]] = {way: [] for way in _WAYS}
    with Ground() as ground:
        fill_seconds = fill(ground, listens)
        log_bytes = ground.log_bytes(ground.topics.listens("live"))
        runs: Mapping[str, Callable[[], tuple[float, float]]] = {
            "consumer": lambda: _consumer(ground, batch),
            "noop": lambda: _spark(ground, batch, "noop"),
            "built-ins": lambda: _spark(ground, batch, "built-ins"),
        }
        for _ in range(rounds):
            for way, run in runs.items():
                rate, seconds = run()
                rates[way].append(rate)
                cpu[way].append(seconds / listens * 1e6)
                print(f"  {way}: {rate:,.0f} listens/s", flush=True)
    middle = {way: statistics.median(each) for way, each in rates.items()}
    to_noop, to_built_ins = (_ratio(rates, way) for way in ("noop", "built-ins"))
    return Result(
        "consumer",
        QUESTION,
        tables=[
            Table(
                f"{listens:,} listens in {ground.live.shards} shards, {rounds} rounds in turns",
                ["way", "listens/s (median)", "lowest", "highest", "CPU us a listen, start incl."],
                [
                    [
                        said,
                        middle[way],
                        min(rates[way]),
                        max(rates[way]),
                        statistics.median(cpu[way]),
                    ]
                    for way, said in _WAYS.items()
                ],
            )
        ],
        targets=[
            Target("consumer / Spark's source to noop", to_noop, 1.0, "at least"),
            Target("consumer / Spark's built-ins", to_built_ins, 1.5, "at least"),
        ],
        figures={
            "rates": rates,
            "log_bytes": log_bytes,
            "listens": listens,
            "fill_rate": listens / fill_seconds,
            "cpu_us": cpu,
        },
        notes=[
            (
                f"Made-up listens of {LISTENERS:,} listeners over {TRACKS:,} tracks by "
                "Zipf's law, 83 "
                f"bytes each, lz4; all ways in micro-batches of {batch:,}, read-committed, "
                "both cores; "
                "rates leave out start and first batch of each. Ratios are medians over rounds."
            ),
            (
                "The built-ins get the broker's time stamp for the event time, and are not "
                "asked to "
                "check, to keep exact counts, or to commit."
            ),
        ],
    )


def _ratio(rates: Mapping[str, list[float]], way: str) -> float:
    pairs = zip(rates["consumer"], rates[way], strict=True)
    return statistics.median(ours / theirs for ours, theirs in pairs)


def steady_rate(batches: list[tuple[float, int]]) -> float:
    """Return the rate from the end of the first batch on: (when it ended, total so far) each."""
    (begin, before), (end, total) = batches[0], batches[-1]
    if end <= begin:
        raise ChildFailedError(f"{len(batches)} batches are too few for a rate")
    return (total - before) / (end - begin)


def _consumer(ground: Ground, batch: int) -> tuple[float, float]:
    ground.forget_cells()
    environment = ground.environment | {"SOTTOVOCE_MAX_LISTENS_PER_BATCH": str(batch)}
    topic, cells = ground.topics.listens("live"), ground.topics.cells("live")
    shards = range(ground.live.shards)
    found = last_stable_offsets(ground.settings, [(topic, shard) for shard in shards])
    ends = [found[topic, shard] for shard in shards]
    reader = LogReader(ground.settings, [(cells, shard) for shard in shards])
    commits: dict[int, dict[int, int]] = {}
    stand = dict.fromkeys(shards, 0)
    with Child("consumer", ["-m", "sottovoce_consumer.main"], ground.folder, environment) as child:
        until = _PATIENCE * 10
        while any(stand[shard] < ends[shard] for shard in shards):
            child.check()
            until -= 1
            if until < 0:
                raise ChildFailedError("the consumer did not come to the log's end")
            for record in reader.poll(0.1):
                if CellKey.from_bytes(record.key).kind is CellKeyKind.PROGRESS and record.value:
                    progress = cell_pb2.ShardProgress.FromString(record.value)
                    stand[record.partition] = progress.next_offset
                    at = commits.setdefault(progress.committed_at_ms, {})
                    at[record.partition] = progress.next_offset
        weight: Weight = child.weigh()
    reader.close()
    now: dict[int, int] = dict.fromkeys(shards, 0)
    totals: list[tuple[float, int]] = []
    for at_ms in sorted(commits):
        now |= commits[at_ms]
        total = sum(min(now[shard], ends[shard]) for shard in shards)
        if total and (not totals or total > totals[-1][1]):
            totals.append((at_ms / 1000, total))
    return steady_rate(totals), weight.cpu_seconds


def _spark(ground: Ground, batch: int, way: str) -> tuple[float, float]:
    checkpoint = Path(ground.folder, f"checkpoint-{way}-{len(list(ground.folder.iterdir()))}")
    asked = {
        "bootstrap": ground.broker.bootstrap,
        "topic": ground.topics.listens("live"),
        "way": way,
        "batch": batch,
        "checkpoint": str(checkpoint),
        "jars": [str(jar) for jar in fetch_connector()],
    }
    command = ["-m", "benchmarks.jobs.spark_source", json.dumps(asked)]
    with Child(f"spark-{way}", command, ground.folder) as child:
        child.wait_for('{"batches"', _PATIENCE)
        weight = child.weigh()
        child.wait(_PATIENCE)
        told = child.log.read_text().splitlines()
    line = next(each for each in told if each.startswith('{"batches"'))
    total, totals = 0, []
    for each in json.loads(line)["batches"]:
        total += each["rows"]
        totals.append((each["ended"], total))
    return steady_rate(totals), weight.cpu_seconds
