"""How many listens a second the producer's writer writes, alone and beside the consumer."""

from __future__ import annotations

import statistics
import time

from benchmarks.ground import LISTENS_PER_SLICE, Ground
from benchmarks.processes import Child
from benchmarks.results import Result, Table, Target
from benchmarks.services import start_consumer, start_simulator
from sottovoce.kafka import LogReader
from sottovoce.wire.listens import LISTEN_KEY_BYTES

QUESTION = "How many listens a second does one writer judge, number, encode and commit?"
_SIZES = {"tiny": (60_000, 1), "full": (600_000, 2)}
_PATIENCE = 300.0


def measure(size: str) -> Result:
    """Let the simulator run as fast as it can, alone and beside the consumer, in turns."""
    plays, rounds = _SIZES["tiny" if size == "tiny" else "full"]
    rates: dict[str, list[float]] = {"alone": [], "beside the consumer": []}
    cpu: list[float] = []
    for _ in range(rounds):
        for way, found in rates.items():
            with Ground() as ground:
                consumer: Child | None = None
                if way != "alone":
                    consumer = start_consumer(ground)
                    time.sleep(3)
                try:
                    arguments = ("--simulator-plays", str(plays), "--simulator-duplicates", "0")
                    with start_simulator(ground, 0, *arguments) as child:
                        began = child.weigh().cpu_seconds
                        child.wait_for('"stopped"', _PATIENCE)
                        cpu.append((child.weigh().cpu_seconds - began) / plays * 1e6)
                finally:
                    if consumer is not None:
                        consumer.stop()
                found.append(_rate_in_log(ground))
                print(f"  {way}: {found[-1]:,.0f} listens/s", flush=True)
    return Result(
        "writer",
        QUESTION,
        tables=[
            Table(
                f"{plays:,} made-up plays, {rounds} rounds",
                ["way", "listens/s (median)", "lowest"],
                [[way, statistics.median(each), min(each)] for way, each in rates.items()],
            )
        ],
        targets=[
            Target(
                "writer alone", statistics.median(rates["alone"]), 30_000, "at least", "listens/s"
            )
        ],
        figures={"rates": rates, "cpu_us": cpu},
        notes=[
            (
                f"The bench profile raises C to {LISTENS_PER_SLICE:,}, so that 200,000 made-up "
                "listeners suffice; the simulator makes the plays in the same process. The "
                "rate is that of the "
                "log: from the broker's stamp of the first transaction to that of the last."
            ),
        ],
    )


def _rate_in_log(ground: Ground) -> float:
    topic = ground.topics.listens("live")
    partitions = [(topic, shard) for shard in range(ground.live.shards)]
    counts: dict[int, int] = {}
    with LogReader(ground.settings, partitions) as reader:
        for record in reader.to_end():
            if len(record.key) == LISTEN_KEY_BYTES:
                counts[record.append_time_ms] = counts.get(record.append_time_ms, 0) + 1
    first, last = min(counts), max(counts)
    return (sum(counts.values()) - counts[first]) / ((last - first) / 1000)
