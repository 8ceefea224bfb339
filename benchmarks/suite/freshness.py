"""From the end of a play to the query service, at fixed rates, and what each rate costs."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np

from benchmarks.ground import LISTENS_PER_SLICE, Ground
from benchmarks.processes import Child, Weight
from benchmarks.results import Result, Table, Target
from benchmarks.services import QueryChild, start_consumer, start_simulator
from benchmarks.watching import AdmittedWatch, Floats, freshness

QUESTION = "How long after its end is a play visible in the query service, and at what cost?"
_SIZES = {
    "tiny": ((1_000,), 8, 8),
    "full": ((1_000, 10_000, 30_000), 15, 45),
    "long": ((1_000, 10_000, 20_000, 30_000), 30, 600),
}
_WARM_SECONDS = 10.0
_SETTLE_SECONDS = 5.0
_PATIENCE = 120.0
_HELD = 0.97
_WINDOWS = 10


def measure(size: str) -> Result:
    """Run the whole way at ever higher rates; stay longest at the highest."""
    rates, seconds, longest = _SIZES[size]
    found = [_at(rate, longest if rate == rates[-1] else seconds) for rate in rates]
    if not found[-1]["held"]:
        # Halfway between what was held and what was not: at most two more looks.
        for _ in range(2):
            low, high = _bracket(found)
            found.append(_at((low + high) // 2, longest))
    found.sort(key=lambda each: each["rate"])
    held = max(found, key=lambda each: (each["held"], each["rate"]))
    fit = _fit([each for each in found if each["held"]] or found)
    return Result(
        "freshness",
        QUESTION,
        tables=[_freshness_table(found), _cost_table(found)],
        targets=[
            Target(
                f"p99 freshness at {held['rate']:,} listens/s", held["p99"], 2.0, "at most", "s"
            ),
            Target(
                "highest rate held",
                held["rate"] if held["held"] else 0,
                30_000,
                "at least",
                "listens/s",
            ),
            *(
                Target(
                    f"growth of the {what} at {held['rate']:,}/s over {held['seconds']:.0f} s",
                    held["growth"][of],
                    bound,
                    "at most",
                    "s",
                )
                for what, of, bound in (("median", "p50", 0.2), ("p99", "p99", 0.5))
            ),
        ],
        figures={"rates": found, "fit": fit},
        notes=[
            (
                "Producer with its simulator, broker, Spark and query service share the "
                "machine. Time "
                "counts from the end of the play, which the simulator spreads over batches "
                "of 200 ms, "
                "until a client that asks every 25 ms sees it counted."
            ),
            (
                "A rate is held if the log got 97 % of it and all of it was visible five "
                f"seconds after the end. The bench profile raises C to {LISTENS_PER_SLICE:,}."
            ),
            (
                "Growth is the rise, from the first to the last, of the line by Theil and Sen "
                f"through the percentiles of {_WINDOWS} windows of equal length: its slope is the "
                "median of those between any two, so that one stall, which the longest wait tells, "
                "is no growth."
            ),
        ],
    )


def _bracket(found: list[dict[str, Any]]) -> tuple[int, int]:
    """Return the highest rate that was held and the lowest above it that was not."""
    low = max((each["rate"] for each in found if each["held"]), default=0)
    return low, min(each["rate"] for each in found if not each["held"] and each["rate"] > low)


def _at(rate: int, seconds: float) -> dict[str, Any]:
    with Ground() as ground, QueryChild(ground) as query, start_consumer(ground) as consumer:
        watch = AdmittedWatch(query.address)
        watch.start()
        with start_simulator(ground, rate, "--simulator-duplicates", "0") as producer:
            producer.wait_for('"ready"')
            # The first batch waits for Spark's Python workers; what piles up meanwhile must go.
            if not watch.wait_for(1, _PATIENCE):
                raise TimeoutError("the query service saw no listen")
            time.sleep(_WARM_SECONDS)
            children = {"producer": producer, "consumer": consumer, "query service": query}
            begin, disk, before = time.time(), _disk(ground), _weigh(ground, children)
            time.sleep(seconds)
            end, after = time.time(), _weigh(ground, children)
            disk = {name: size - disk[name] for name, size in _disk(ground).items()}
        time.sleep(_SETTLE_SECONDS)
        watch.stop()
        ends, waited, visible = freshness(ground, watch)
    within = (ends >= begin) & (ends < end)
    ends, waited, visible = ends[within], waited[within], visible[within]
    if not len(ends):
        raise TimeoutError(f"nothing that was sent at {rate:,}/s was seen")
    sent = len(ends) / (end - begin)
    windows = _by_window(ends, waited, begin, end)
    told: dict[str, Any] = {
        "rate": rate,
        "sent": sent,
        "seconds": end - begin,
        "unseen": int((~visible).sum()),
        "held": bool(sent >= _HELD * rate and visible.all()),
        **{f"p{p}": float(np.percentile(waited, p)) for p in (50, 90, 99)},
        "max": float(np.max(waited)),
        "growth": {percentile: _growth(windows, percentile) for percentile in ("p50", "p99")},
        "windows": windows,
        "cores": {n: after[n].since(before[n]) / (end - begin) for n in after},
        "memory_mb": {n: each.memory_bytes / 1e6 for n, each in after.items()},
        "disk_bytes_a_listen": {n: each / max(1, len(ends)) for n, each in disk.items()},
    }
    print(
        f"  {rate:,}/s: sent {sent:,.0f}, p50 {told['p50']:.2f} s, p99 {told['p99']:.2f} s, "
        f"{sum(told['cores'].values()):.2f} cores",
        flush=True,
    )
    return told


def _by_window(ends: Floats, waited: Floats, begin: float, end: float) -> list[dict[str, float]]:
    edges = np.linspace(begin, end, _WINDOWS + 1)
    windows = []
    for low, high in itertools.pairwise(edges):
        mine = waited[(ends >= low) & (ends < high)]
        if len(mine):
            p50, p99 = (float(np.percentile(mine, p)) for p in (50, 99))
            windows.append({"at": float(low - begin), "p50": p50, "p99": p99})
    return windows


def _growth(windows: list[dict[str, float]], percentile: str) -> float:
    """Return by how many seconds a percentile rose from the first to the last window."""
    if len(windows) < 2:
        return 0.0
    pairs = itertools.combinations(windows, 2)
    slope = np.median([(b[percentile] - a[percentile]) / (b["at"] - a["at"]) for a, b in pairs])
    return float(slope * (windows[-1]["at"] - windows[0]["at"]))


def _weigh(ground: Ground, children: dict[str, Child]) -> dict[str, Weight]:
    weights = {name: child.weigh() for name, child in children.items()}
    return weights | {"broker": ground.weigh_broker()}


def _disk(ground: Ground) -> dict[str, int]:
    topics = ground.topics
    return {
        "log": ground.log_bytes(topics.listens("live")),
        "cells": ground.log_bytes(topics.cells("live")),
    }


def _fit(found: list[dict[str, Any]]) -> dict[str, float]:
    """Fit cores = fixed + slope x rate by least squares over the rates that were held."""
    rates = np.array([each["sent"] for each in found])
    cores = np.array([sum(each["cores"].values()) for each in found])
    if len(found) < 2:
        return {"fixed_cores": 0.0, "cores_per_1000": float(cores[0] / rates[0] * 1000)}
    slope, fixed = np.polyfit(rates, cores, 1)
    return {"fixed_cores": float(fixed), "cores_per_1000": float(slope * 1000)}


def _freshness_table(found: list[dict[str, Any]]) -> Table:
    return Table(
        "Seconds from the end of a play until it is visible",
        ["listens/s asked", "sent", "p50", "p90", "p99", "longest", "held"],
        [
            [
                each["rate"],
                each["sent"],
                each["p50"],
                each["p90"],
                each["p99"],
                each["max"],
                "yes" if each["held"] else "no",
            ]
            for each in found
        ],
    )


def _cost_table(found: list[dict[str, Any]]) -> Table:
    services = list(found[0]["cores"])
    return Table(
        "Cores, and megabytes behind the slash",
        ["listens/s asked", *services, "all cores", "log, bytes a listen", "cells, bytes a listen"],
        [
            [
                each["rate"],
                *(f"{each['cores'][n]:.2f} / {each['memory_mb'][n]:.0f}" for n in services),
                sum(each["cores"].values()),
                each["disk_bytes_a_listen"]["log"],
                each["disk_bytes_a_listen"]["cells"],
            ]
            for each in found
        ],
    )
