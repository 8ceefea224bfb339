"""`python -m benchmarks.report`: docs/benchmarks.md and its plots, from the results."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.plots import plot_cached, plot_consumer, plot_costs, plot_freshness, plot_memory
from benchmarks.results import RESULTS, Table, load_results, show, target_table

ROOT = Path(__file__).resolve().parent.parent
PAGE, IMAGES = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "images"
WORLD = 170_000
"""Plays a second of the world's streaming, about: 5.4 trillion a year."""

type Results = dict[str, dict[str, Any]]

_PLOTS: dict[str, list[tuple[str, Callable[[dict[str, Any], Path], None], str]]] = {
    "consumer": [
        (
            "bench-consumer",
            plot_consumer,
            (
                "A bar is the median of the rounds, a dot one round. Spark's source to "
                "`noop` decodes "
                "and counts nothing; it is what reading alone costs Spark."
            ),
        )
    ],
    "freshness": [
        (
            "bench-freshness",
            plot_freshness,
            (
                "Each line is one rate; a point is the 99th percentile of a tenth of the "
                "time. A line "
                "that rises is a rate that the machine does not hold."
            ),
        ),
        (
            "bench-costs",
            plot_costs,
            (
                "Cores by service. The slope is what 1,000 listens a second more cost; what "
                "stands at "
                "the left is the price of being there, mostly two Java processes and heartbeats."
            ),
        ),
    ],
    "query": [
        (
            "bench-cached",
            plot_cached,
            (
                "The clients share the cores with the server, but cost a fraction of what it "
                "does: the curves flatten where the server is busy."
            ),
        )
    ],
    "memory": [
        ("bench-memory", plot_memory, "The dashed line is what a week must stay under: 500 MB.")
    ],
}


def main() -> int:
    """Write the page; 1 if there are no results."""
    results: Results = {each["benchmark"]: each for each in load_results()}
    if not results:
        print(f"no results in {RESULTS}: run `make bench` first", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    parts = [_head(results)]
    parts += [_section(result) for result in results.values()]
    if "freshness" in results:
        parts.append(_cost(results))
    PAGE.write_text("\n\n".join(parts) + "\n")
    print(f"written: {PAGE.relative_to(ROOT)}")
    return 0


def _head(results: Results) -> str:
    targets = [target for result in results.values() for target in result["targets"]]
    short = [target for target in targets if not target["met"]]
    machine = next(iter(results.values()))["machine"]
    said = (
        "Everything that was to be reached was reached."
        if not short
        else "What fell short: " + "; ".join(f"{each['what']}" for each in short) + "."
    )
    about = ", ".join(f"{key} {value}" for key, value in machine.items())
    return "\n\n".join(
        [
            "# Benchmarks",
            (
                "Written by `make bench-report` from what `make bench` measured; the figures "
                "are in "
                "[benchmarks/results](../benchmarks/results/README.md). Absolute figures "
                "hold for the "
                "machine below; ratios come from one run, in turns, and travel better."
            ),
            f"Machine: {about}.",
            said,
            target_table(targets),
        ]
    )


def _section(result: dict[str, Any]) -> str:
    name = result["benchmark"]
    parts = [f"## {name.capitalize()}", result["question"]]
    for file, plot, meaning in _PLOTS.get(name, []):
        path = IMAGES / f"{file}.svg"
        plot(result["figures"], path)
        parts += [f"![{result['question']}](images/{path.name})", meaning]
    parts += [Table(**each).markdown() for each in result["tables"]]
    parts.append("\n".join(f"- {note}" for note in result["notes"]))
    return "\n\n".join(part for part in parts if part)


def _cost(results: Results) -> str:
    figures = results["freshness"]["figures"]
    fit, rates = figures["fit"], figures["rates"]
    held = [each for each in rates if each["held"]] or rates
    top = held[-1]
    bytes_a_listen = sum(top["disk_bytes_a_listen"].values())
    per_day = bytes_a_listen * 1_000 * 86_400 / 1e9
    memory = sum(top["memory_mb"].values())
    world = fit["fixed_cores"] + fit["cores_per_1000"] * WORLD / 1_000
    log, cells = (top["disk_bytes_a_listen"][name] for name in ("log", "cells"))
    rows = [
        ["CPU", f"{fit['cores_per_1000']:.3f} core-seconds a second"],
        ["fixed, whatever the rate", f"{fit['fixed_cores']:.2f} cores"],
        ["disk, before compaction", f"{per_day:.1f} GB a day"],
        [f"memory of all services, at {show(top['rate'])} listens/s", f"{memory:,.0f} MB"],
    ]
    log_tb = log * WORLD * 86_400 * 7 / 1e12
    cells_mb = cells * WORLD / 1e6
    times = WORLD / max(1, top["rate"])
    table = Table("Per 1,000 listens a second", ["of", "cost"], rows).markdown()
    return f"""\
## What it costs, and what the world would cost

{table}

The straight line through the measured rates, drawn on to {WORLD:,} plays a second (the world's
streaming, about: 5.4 trillion a year), says **{world:,.0f} cores** for producer, broker, consumer
and query service together, and {log_tb:,.1f} TB for a log of seven days at one replica, three times
that at three; deltas of cells come to {cells_mb:,.1f} MB a second before compaction. It assumes:

- cost stays linear: shards, tasks and writers are added with the rate (a shard's work depends on no
  other; writers share the accounts; tasks share the shards);
- one replica, no TLS, no network between the parts: replication multiplies the broker's share, and
  a real network adds to every part;
- the catalogue stays at tens of thousands of tracks: over a million of them deltas compress worse;
- the simulator's share of the producer's CPU is counted in, though no real source makes plays up.

It is an extrapolation over {times:.0f} times the highest rate held here: an order of magnitude, not
a plan."""


if __name__ == "__main__":
    sys.exit(main())
