"""What is done to whom and when, as a pure function of a seed."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "kill": "kill -9 of the process",
        "jvm": "kill -9 of the JVM that Spark's driver runs",
        "worker": "kill -9 of one of Spark's Python processes",
        "restart": "SIGTERM, as a rollout does",
        "pause": "SIGSTOP of all its processes for a while, then SIGCONT",
        "cut": "its network is cut for a while; the broker's: everybody's",
        "disk": "its disk is full for a while",
    }
)
"""Every kind of fault, and what it is."""

LASTING: Final = frozenset({"pause", "cut", "disk"})
"""The kinds that go on for a while."""

ENDING: Final = frozenset({"kill", "jvm", "restart"})
"""The kinds after which the process must have been started anew."""

# How often whom, and what then. A driver's recovery takes many times what others' does, so others
# are hit meanwhile.
TARGETS: Final = {"producer": 30, "query-1": 18, "query-2": 18, "importer": 12, "consumer": 8,
                   "broker": 8}  # fmt: skip
_KINDS_OF: Final = {
    "producer": {"kill": 6, "restart": 2, "pause": 2, "cut": 2},
    "importer": {"kill": 3, "pause": 1},
    "query-1": {"kill": 5, "restart": 2, "pause": 2, "cut": 2},
    "query-2": {"kill": 5, "restart": 2, "pause": 2, "cut": 2},
    "consumer": {"kill": 8, "jvm": 3, "worker": 3, "restart": 1, "pause": 2, "cut": 2, "disk": 2},
    "broker": {"kill": 5, "restart": 2, "pause": 2, "cut": 2, "disk": 2},
}
_LASTS: Final = (1.0, 6.0)
# Beyond the time after which the broker aborts a transaction, in one of so many pauses and cuts.
_LONG_IN: Final = 6
_LONG: Final = 12.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        number: its place, from 1.
        after: seconds from the fault before it.
        target: who is hit.
        kind: one of `KINDS`.
        lasts: seconds that it goes on; 0 where it is done at once.
        choice: decides between several processes of the target, in [0, 1).
    """

    number: int
    after: float
    target: str
    kind: str
    lasts: float
    choice: float


def make_plan(
    seed: int,
    faults: int,
    kinds: Collection[str] = tuple(KINDS),
    targets: Collection[str] = tuple(TARGETS),
) -> list[Fault]:
    """Draw so many faults of some kinds on some targets.

    Raises:
        ValueError: none of the targets can be hit in any of the ways.
    """
    chance = random.Random(seed)
    possible = {
        target: {kind: weight for kind, weight in weights.items() if kind in kinds}
        for target, weights in _KINDS_OF.items()
    }
    there = {name: weight for name, weight in TARGETS.items() if name in targets and possible[name]}
    if not there:
        raise ValueError(f"nobody of {', '.join(targets)} can be hit by {', '.join(kinds)}")
    plan = []
    last = ""
    for number in range(1, faults + 1):
        others = {name: weight for name, weight in there.items() if name != last} or there
        last = _draw(chance, others)
        kind = _draw(chance, possible[last])
        lasts, after, choice = chance.uniform(*_LASTS), chance.uniform(0.5, 4.0), chance.random()
        if kind != "disk" and chance.randrange(_LONG_IN) == 0:
            lasts = _LONG
        plan.append(Fault(number, after, last, kind, lasts if kind in LASTING else 0.0, choice))
    return plan


def _draw(chance: random.Random, weights: Mapping[str, int]) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]
