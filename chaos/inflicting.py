"""Doing what the plan says, and seeing how long it takes until all is well again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chaos.isolation import Isolation, filled
from chaos.parts import Part
from chaos.plan import ENDING, Fault

PATIENCE: Final = 300.0
"""Seconds after which a process that is not live again is a failure."""

_LOOKS_EVERY: Final = 0.1

Live = Callable[[float], bool]
"""Whether a process did what it is for after a time, in seconds since 1970."""


@dataclass
class Outcome:
    """What became of a fault.

    Attributes:
        fault: what was done.
        at: seconds from the start of the run until it began.
        lasted: seconds that it went on.
        live: seconds from its end until the process that was hit was live again; None if it never
            was.
        alone: whether the broker was well all the while, and nobody else was hit meanwhile.
    """

    fault: Fault
    at: float
    lasted: float = 0.0
    live: float | None = None
    alone: bool = True


class Inflictor:
    """Inflicts faults one after the other; what is hit is not hit again before it is live.

    Args:
        parts: the processes.
        live: how each is seen to be live.
        disks: the small disk of those that have one.
        isolation: cuts networks.
        tell: is told each outcome.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        live: Mapping[str, Live],
        disks: Mapping[str, Path],
        isolation: Isolation,
        tell: Callable[[Outcome], None],
    ) -> None:
        self._parts = parts
        self._live = live
        self._disks = disks
        self._isolation = isolation
        self._tell = tell
        self._busy: dict[str, threading.Thread] = {}
        self._open: list[Outcome] = []

    def inflict(self, plan: Iterable[Fault]) -> list[Outcome]:
        """Do all of it, and return when everything that was hit is live again or given up."""
        began = time.time()
        outcomes = []
        for fault in plan:
            time.sleep(fault.after)
            self._wait(fault.target)
            outcome = Outcome(fault, time.time() - began)
            self._note_company(outcome)
            outcomes.append(outcome)
            thread = threading.Thread(
                target=self._one, args=(outcome,), name=f"fault {fault.number}", daemon=True
            )
            self._busy[fault.target] = thread
            thread.start()
        for target in list(self._busy):
            self._wait(target)
        return outcomes

    def _wait(self, target: str) -> None:
        if target in self._busy:
            self._busy.pop(target).join()

    def _note_company(self, outcome: Outcome) -> None:
        """Nobody who waits for the broker, or with it, recovers at the pace of its own."""
        self._open = [each for each in self._open if each.live is None]
        if any(each.fault.target == "broker" for each in self._open):
            outcome.alone = False
        if outcome.fault.target == "broker":
            for each in self._open:
                each.alone = False
        self._open.append(outcome)

    def _one(self, outcome: Outcome) -> None:
        fault = outcome.fault
        part = self._parts[fault.target]
        hit = time.time()
        self._do(fault, part)
        since = time.time() if fault.lasts else hit
        outcome.lasted = since - hit
        while time.time() - since < PATIENCE:
            fresh = fault.kind not in ENDING or part.started_at > hit
            if fresh and part.running and self._live[fault.target](since):
                outcome.live = time.time() - since
                break
            time.sleep(_LOOKS_EVERY)
        self._tell(outcome)

    def _do(self, fault: Fault, part: Part) -> None:
        if fault.kind == "kill":
            part.signal(signal.SIGKILL)
        elif fault.kind == "restart":
            part.signal(signal.SIGTERM)
        elif fault.kind in ("jvm", "worker"):
            _kill_child_of_spark(part, fault)
        elif fault.kind == "pause":
            paused = part.signal(signal.SIGSTOP, group=True)
            time.sleep(fault.lasts)
            if paused:
                part.signal(signal.SIGCONT, group=True)
        elif fault.kind == "cut":
            self._isolation.cut(fault.target)
            time.sleep(fault.lasts)
            self._isolation.mend(fault.target)
        else:
            disk = self._disks.get(fault.target)
            with nullcontext() if disk is None else filled(disk):
                time.sleep(fault.lasts)


def _kill_child_of_spark(part: Part, fault: Fault) -> None:
    """Kill the JVM of Spark's driver, or one of the Python processes that it started."""
    family = part.family()
    jvm = {pid for pid, line in family.items() if "java" in line.partition(" ")[0]}
    workers = {pid for pid, line in family.items() if "pyspark" in line} - jvm
    found = sorted(jvm if fault.kind == "jvm" else workers)
    if not found:
        part.signal(signal.SIGKILL)
    else:
        with suppress(ProcessLookupError):  # it may have ended by itself meanwhile
            os.kill(found[int(fault.choice * len(found))], signal.SIGKILL)
