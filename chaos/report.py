"""What a run found, for people."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sequence

import numpy as np

from chaos.inflicting import Outcome
from chaos.judging import Check
from chaos.run import Result

HEAD = f"{'#':>4} {'at':>8} {'who':10} {'what':8} {'for':>6} {'live after':>11}"


def line_of(outcome: Outcome) -> str:
    """Return a fault's row."""
    fault = outcome.fault
    lasted = f"{outcome.lasted:5.1f}s" if fault.lasts else ""
    live = "never" if outcome.live is None else f"{outcome.live:.2f} s"
    beside = "" if outcome.alone else "  beside the broker's"
    return (
        f"{fault.number:4} {outcome.at:7.1f}s {fault.target:10} {fault.kind:8} {lasted:>6} "
        f"{live:>11}{beside}"
    )


def recoveries(outcomes: Iterable[Outcome]) -> list[str]:
    """Return percentiles of recovery by who was hit and how, in seconds."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for each in outcomes:
        target = each.fault.target.partition("-")[0]
        groups.setdefault((target, each.fault.kind), []).append(each)
    rows = [f"{'who':10} {'what':8} {'faults':>6} {'p50':>7} {'p95':>7} {'max':>7}   alone: max"]
    for (target, kind), hits in sorted(groups.items()):
        seconds = [each.live for each in hits if each.live is not None]
        alone = [each.live for each in hits if each.live is not None and each.alone]
        if seconds:
            p50, p95 = np.percentile(seconds, (50, 95))
            best = f"{max(alone):.2f}" if alone else "-"
            rows.append(
                f"{target:10} {kind:8} {len(hits):6} {p50:7.2f} {p95:7.2f} {max(seconds):7.2f}"
                f"   {best:>10}"
            )
    return rows


def deaths(result: Result) -> list[str]:
    """Return how often each process ended, and how."""
    rows = []
    for name, codes in result.deaths.items():
        told = ", ".join(f"{count} x {_end(code)}" for code, count in sorted(codes.items()))
        if told:
            rows.append(f"{name:10} {told}")
    return rows


def verdict(checks: Sequence[Check]) -> list[str]:
    """Return what must hold, and whether it does."""
    return [f"{'ok  ' if each.fine else 'FAIL'} {each.what}: {each.found}" for each in checks]


def _end(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"
