"""One run: the system under load, faults, rest, and what must hold afterwards."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chaos import judging
from chaos.asking import Asker
from chaos.inflicting import Inflictor, Outcome
from chaos.isolation import Isolation
from chaos.judging import Check
from chaos.plan import Fault
from chaos.pulse import Pulse
from chaos.system import REPLICAS, System
from chaos.waiting import wait_until

_LOST_RECORDS: Final = 3
_REST: Final = 120.0


@dataclass
class Result:
    """What a run found.

    Attributes:
        outcomes: of each fault.
        checks: what must hold.
        deaths: how processes ended, by name and exit code.
        seconds: from the first fault to the last recovery.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    deaths: dict[str, Counter[int]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def fine(self) -> bool:
        """Whether all that must hold does."""
        return bool(self.checks) and all(each.fine for each in self.checks)


class Run:
    """One run.

    Args:
        folder: empty.
        isolation: what may be cut and filled.
        seed: decides the load.
        rate: made-up plays a second.
        tell: is told what goes on, a line at a time.
        told: is told each outcome.
    """

    def __init__(
        self,
        folder: Path,
        isolation: Isolation,
        seed: int,
        rate: float,
        tell: Callable[[str], None],
        told: Callable[[Outcome], None],
    ) -> None:
        self._system = System(folder, isolation, seed, rate)
        self._isolation = isolation
        self._seed = seed
        self._tell = tell
        self._told = told

    def run(self, plan: list[Fault]) -> Result:
        """Inflict a plan, and judge."""
        result = Result()
        system = self._system
        self._tell("starting a broker, a producer, imports, a consumer and two query services")
        with system.running() as pulse:
            self._tell("everything is live; here come the faults")
            with self._asked() as asker, system.operator(self._tell):
                began = time.monotonic()
                inflictor = Inflictor(
                    system.parts, system.live(pulse), system.disks, self._isolation, self._told
                )
                result.outcomes = inflictor.inflict(plan)
                result.seconds = time.monotonic() - began
            self._tell("no more faults; letting it come to rest")
            self._rest(pulse)
            unanswered = asker.ask_again()
            result.deaths = {name: part.deaths for name, part in system.parts.items()}
            for name in (*REPLICAS, "consumer"):
                code = system.parts[name].stop()
                result.checks.append(Check(f"{name} ends in order", f"exit code {code}", code == 0))
            result.checks += self._checks(asker, unanswered, result)
        return result

    @contextmanager
    def _asked(self) -> Iterator[Asker]:
        asker = Asker(self._system.clients(), self._seed)
        asker.start()
        try:
            yield asker
        finally:
            asker.stop()

    def _rest(self, pulse: Pulse) -> None:
        """Let imports end and the producer stop; wait until all is counted and seen."""
        system = self._system
        system.importer.enough()
        wait_until(lambda: system.parts["importer"].finished, "the last import is done", _REST)
        system.parts["producer"].stop()
        data_sets = judging.made_in(system.kafka)
        wait_until(
            lambda: judging.is_counted(system.kafka, data_sets), "all listens are counted", _REST
        )
        stopped = time.time()
        wait_until(lambda: pulse.is_caught_up(stopped), "the consumer is live", _REST)

    def _checks(self, asker: Asker, unanswered: int, result: Result) -> list[Check]:
        system = self._system
        kafka = system.kafka
        data_sets = judging.made_in(kafka)
        by_name = {each.name: each for each in data_sets}
        never = [each.fault.number for each in result.outcomes if each.live is None]
        lost = result.deaths["consumer"][_LOST_RECORDS]
        checks = [
            Check("everything that was hit was live again", f"{len(never)} never: {never}",
                  not never),
            Check("the consumer never said that records are lost", f"{lost} times", not lost),
        ]  # fmt: skip
        self._tell("comparing the log with the truth")
        live = judging.read_log(kafka, by_name["live"])
        history = judging.read_log(kafka, by_name["history"])
        checks.append(judging.check_handed_over(kafka, live))
        checks.append(judging.compare_with_truth("live", live, system.truth))
        checks.append(judging.compare_with_truth("history", history, system.truth))
        checks += judging.check_log("live", live, by_name["live"].slice_ms)
        checks += judging.check_log("history", history, by_name["history"].slice_ms)
        calm = system.import_again(system.importer.everything(), "calm.")
        checks.append(
            judging.compare_with_calm(
                history, judging.read_log(calm, by_name["history"]), system.importer.done
            )
        )
        checks.append(judging.check_ledger(kafka, by_name))
        checks.append(
            Check(
                "every question has one answer, from every replica, before and after",
                f"{len(asker.answers)} questions answered {asker.answered:,} times, "
                f"{len(asker.differing)} differ, {unanswered} unanswered at the end",
                bool(asker.answers) and not asker.differing and not unanswered,
            )
        )
        self._tell("counting the log again with an undisturbed consumer")
        disturbed = judging.counted(kafka, data_sets)
        judging.forget_cells(kafka, data_sets)
        consumer = system.consumer()
        system.parts["undisturbed consumer"] = consumer
        consumer.start()
        wait_until(lambda: judging.is_counted(kafka, data_sets), "it is all counted again", _REST)
        consumer.stop()
        return checks + judging.compare_counted(disturbed, judging.counted(kafka, data_sets))
