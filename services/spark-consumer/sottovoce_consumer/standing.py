"""What the driver tells the planner, which is a process of its own: a file, replaced whole.

Spark plans a batch only after the one before it was committed, so what stands in the file when a
batch is planned is what the commit before left behind; the deny list may be newer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sottovoce_consumer.admission import SealTimeline
from sottovoce_consumer.denying import DenyList
from sottovoce_consumer.ranges import ShardRef


@dataclass(frozen=True, slots=True)
class Standing:
    """What a batch is planned by.

    Attributes:
        seals: the seals that stand before each shard's next offset.
        denied: who counts no more.
    """

    seals: Mapping[ShardRef, SealTimeline] = field(default_factory=dict)
    denied: DenyList = field(default_factory=DenyList)


def write_standing(path: Path, standing: Standing) -> None:
    """Replace the file."""
    seals = [
        {"data_set": name, "shard": shard, "offsets": each.offsets, "through_ms": each.through_ms}
        for (name, shard), each in sorted(standing.seals.items())
        if each.offsets
    ]
    denied = {
        "through": standing.denied.through,
        "pseudonyms": [each.hex() for each in standing.denied.pseudonyms],
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"seals": seals, "denied": denied}))
    fresh.replace(path)


def read_standing(path: Path) -> Standing:
    """Read the file."""
    content = json.loads(path.read_text())
    seals = {
        (row["data_set"], row["shard"]): SealTimeline(
            tuple(row["offsets"]), tuple(row["through_ms"])
        )
        for row in content["seals"]
    }
    denied = content["denied"]
    return Standing(seals, DenyList.of(map(bytes.fromhex, denied["pseudonyms"]), denied["through"]))
