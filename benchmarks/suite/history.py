"""Import of a person's exported history, through the command that a person uses."""

from __future__ import annotations

import statistics
import time

from benchmarks.ground import Ground
from benchmarks.made_up_export import write_export
from benchmarks.processes import Child
from benchmarks.results import Result, Table, Target
from benchmarks.services import producer_command
from sottovoce.kafka.offsets import high_watermarks

QUESTION = "How many plays a second does `sottovoce-producer history` take in?"
_SIZES = {"tiny": (64_000, 1), "full": (200_000, 2)}
_PATIENCE = 300.0


def measure(size: str) -> Result:
    """Import one export into an empty `history`, then once more, which must change nothing."""
    plays, rounds = _SIZES["tiny" if size == "tiny" else "full"]
    seconds: dict[str, list[float]] = {"first import": [], "the same again": []}
    memory, bytes_read = 0.0, 0
    cpu: list[float] = []
    for _ in range(rounds):
        with Ground() as ground:
            folder = ground.folder / "export"
            bytes_read = write_export(folder, plays)
            for found in seconds.values():
                command = producer_command("history", str(folder))
                child = Child("history", command, ground.folder, ground.environment)
                busy = 0.0
                with child:
                    while child.running:
                        weight = child.weigh()
                        memory = max(memory, weight.memory_bytes / 1e6)
                        busy = weight.cpu_seconds or busy  # nothing is left once it ended
                        time.sleep(0.05)
                    found.append(time.time() - child.started)
                    if found is seconds["first import"]:
                        cpu.append(busy / plays * 1e6)
                    child.wait(_PATIENCE)
            written = _written(ground)
            if written < plays:
                raise ValueError(f"of {plays:,} plays only {written:,} records were written")
    rate = plays / statistics.median(seconds["first import"])
    return Result(
        "history",
        QUESTION,
        tables=[
            Table(
                f"{plays:,} plays, {bytes_read / 1e6:.0f} MB of JSON, {rounds} rounds",
                ["import", "plays/s (median)", "seconds"],
                [
                    [name, plays / statistics.median(each), statistics.median(each)]
                    for name, each in seconds.items()
                ],
            )
        ],
        targets=[Target("history import", rate, 20_000, "at least", "plays/s")],
        figures={"seconds": seconds, "memory_mb": memory, "cpu_us": cpu},
        notes=[
            (
                "The whole command: its start, a look through all files, the import in "
                "transactions, "
                f"the summary. It takes at most {memory:.0f} MB, and {statistics.median(cpu):.0f} "
                "us of CPU a play, its start included."
            ),
        ],
    )


def _written(ground: Ground) -> int:
    topic = ground.topics.listens("history")
    partitions = [(topic, shard) for shard in range(ground.history.shards)]
    return sum(high_watermarks(ground.settings, partitions).values())
