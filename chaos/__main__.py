"""`python -m chaos`: faults against every process under load; exit code 1 on any difference."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from chaos import poison, report
from chaos.isolation import isolate
from chaos.plan import KINDS, TARGETS, make_plan
from chaos.run import Run
from sottovoce.local.ending import ending_signals
from sottovoce.local.jars import KafkaJars

EPILOG = """kinds of faults:
""" + "\n".join(f"  {name:8} {what}" for name, what in KINDS.items())


def main() -> int:
    """Run what is asked for; 0 if all that must hold does."""
    parser = argparse.ArgumentParser(
        "python -m chaos", formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EPILOG
    )
    parser.add_argument("what", nargs="?", choices=("faults", "poison"), default="faults")
    parser.add_argument("--seed", type=int, help="decides everything; drawn and shown if not told")
    parser.add_argument("--faults", type=int, default=20, help="how many (default: 20)")
    parser.add_argument(
        "--kinds", default=",".join(KINDS), help="which, separated by commas (default: all)"
    )
    parser.add_argument(
        "--targets", default=",".join(TARGETS), help=f"whom (default: {','.join(TARGETS)})"
    )
    parser.add_argument(
        "--rate", type=float, default=200.0, help="made-up plays a second (default: 200)"
    )
    parser.add_argument(
        "--records", type=int, default=1_000_000, help="poison: how many (default: 1000000)"
    )
    parser.add_argument(
        "--folder", type=Path, help="keeps data and logs here; default: thrown away"
    )
    asked = parser.parse_args()
    kinds = asked.kinds.split(",")
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"no kind {', '.join(sorted(unknown))}; there are: {', '.join(KINDS)}")
    targets = asked.targets.split(",")
    if unknown := set(targets) - set(TARGETS):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are: {', '.join(TARGETS)}")
    seed = random.SystemRandom().randrange(1_000_000) if asked.seed is None else asked.seed
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="sottovoce-chaos-"))
    KafkaJars().fetch(say)  # while the network is still that of the machine
    with ending_signals():
        try:
            if asked.what == "poison":
                return _poison(seed, asked.records)
            return _faults(folder, seed, asked.faults, kinds, targets, asked.rate)
        except KeyboardInterrupt:
            return 130
        finally:
            if asked.folder is None:
                shutil.rmtree(folder, ignore_errors=True)


def _faults(
    folder: Path, seed: int, faults: int, kinds: list[str], targets: list[str], rate: float
) -> int:
    isolation = isolate()
    for kind, why in isolation.lacks.items():
        if kind in kinds:
            say(f"no faults of the kind {kind}: {why}")
    kinds = [kind for kind in kinds if kind not in isolation.lacks]
    say(f"seed {seed}, {faults} faults of {', '.join(kinds)}; {rate:g} plays a second")
    plan = make_plan(seed, faults, kinds, targets)
    run = Run(folder, isolation, seed, rate, say, lambda outcome: say(report.line_of(outcome)))
    say(report.HEAD)
    result = run.run(plan)
    for title, rows in (
        ("live again after, in seconds", report.recoveries(result.outcomes)),
        ("ends of processes", report.deaths(result)),
        (f"after {len(result.outcomes)} faults in {result.seconds:.0f} s",
         report.verdict(result.checks)),
    ):  # fmt: skip
        say(f"\n{title}")
        for row in rows:
            say(row)
    told = f"--seed {seed} --faults {faults} --rate {rate:g} --kinds {','.join(kinds)}"
    told += "" if set(targets) == set(TARGETS) else f" --targets {','.join(targets)}"
    again = f'make chaos ARGS="{told}"'
    say(f"\n{'everything holds' if result.fine else 'SOMETHING DIFFERS'}; again: {again}")
    return 0 if result.fine else 1


def _poison(seed: int, records: int) -> int:
    say(f"seed {seed}, {records:,} records")
    checks = poison.main(seed, records, say)
    for row in report.verdict(checks):
        say(row)
    return 0 if all(each.fine for each in checks) else 1


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    sys.exit(main())
