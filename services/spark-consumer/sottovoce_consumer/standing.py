"""What the driver tells the planner, which is a process of its own: a file, replaced whole.

Spark plans a batch only after the one before it was committed, so what stands in the file when a
batch is planned is what the commit before left behind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from sottovoce_consumer.admission import SealTimeline
from sottovoce_consumer.ranges import ShardRef


def write_standing(path: Path, seals: Mapping[ShardRef, SealTimeline]) -> None:
    """Replace the file."""
    rows = [
        {"data_set": name, "shard": shard, "offsets": each.offsets, "through_ms": each.through_ms}
        for (name, shard), each in sorted(seals.items())
        if each.offsets
    ]
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"seals": rows}))
    fresh.replace(path)


def read_standing(path: Path) -> dict[ShardRef, SealTimeline]:
    """Read the file."""
    rows = json.loads(path.read_text())["seals"]
    return {
        (row["data_set"], row["shard"]): SealTimeline(
            tuple(row["offsets"]), tuple(row["through_ms"])
        )
        for row in rows
    }
