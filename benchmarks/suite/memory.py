"""The query service's memory with a week of cells and a month of releases."""

from __future__ import annotations

import time

from benchmarks.ground import Ground
from benchmarks.made_up_catalogue import make_catalogue
from benchmarks.made_up_cells import make_cells
from benchmarks.made_up_releases import make_releases
from benchmarks.results import Result, Table, Target
from benchmarks.services import QueryChild

QUESTION = (
    "How much memory does the query service take for a week of cells and a month of releases?"
)
_DAY_MS = 86_400_000
_LISTENS_A_SECOND = 200
_SIZES = {"tiny": (6,), "full": (0, 24, 72, 168)}
_DAYS = (30, 1)
_PATIENCE = 120.0


def measure(size: str) -> Result:
    """Start the service over ever more slices, and weigh it once all are merged."""
    rows: list[list[str | float]] = []
    figures = []
    catalogue = make_catalogue()
    for slices in _SIZES["tiny" if size == "tiny" else "full"]:
        constants = {"log_retention_ms": 9 * _DAY_MS, "cell_retention_ms": 8 * _DAY_MS}
        with Ground(days=31, catalogue=catalogue, **constants) as ground:
            live = ground.live
            per_cell = _LISTENS_A_SECOND * live.slice_ms // 1000 // live.shards
            stored = make_cells(ground, slices, per_cell, 16, catalogue.keys)
            releases = make_releases(ground, _DAYS[size == "tiny"], catalogue)
            with QueryChild(ground) as query:
                settled = _wait_until_merged(query, slices)
                memory, peak = query.weigh().memory_bytes, query.peak_bytes()
            cells = slices * live.shards
            mega, most = memory / 1e6, peak / 1e6
            rows.append([slices, cells, stored / max(1, cells) / 1000, releases, mega, most,
                         query.started_seconds, settled])  # fmt: skip
            figures.append({"slices": slices, "memory_mb": mega, "peak_mb": most,
                            "ready": query.started_seconds})  # fmt: skip
            print(f"  {slices} slices: {mega:,.0f} MB, at most {most:,.0f} MB", flush=True)
    return Result(
        "memory",
        QUESTION,
        tables=[
            Table(
                f"{_LISTENS_A_SECOND} listens a second over 30,000 tracks in 16 shards",
                [
                    "slices",
                    "cells",
                    "kB a cell in the log",
                    "releases",
                    "memory, MB",
                    "at most, since the start, MB",
                    "ready after, s",
                    "all merged after, s",
                ],
                rows,
            )
        ],
        targets=[
            Target(
                f"query service, {slices // 24} days of cells",
                figures[-1]["memory_mb"],
                500,
                "at most",
                "MB",
            ),
            Target(
                f"the same at its most, from the start on, {slices // 24} days of cells",
                figures[-1]["peak_mb"],
                500,
                "at most",
                "MB",
            ),
        ],
        figures={"points": figures},
        notes=[
            (
                "Cells are made up through the codec; 16 contents stand in for all, decoded for "
                "each cell anew. Memory is the proportional set size once all is merged; at most "
                "is the resident set's peak. Releases are all standing ones of 30 days, drawn at "
                "random: rankings over 30,000 tracks and 10,000 artists, whole for a day."
            ),
        ],
    )


def _wait_until_merged(query: QueryChild, slices: int) -> float:
    until = time.monotonic() + _PATIENCE
    while query.metric("sottovoce_query_merged_slices") < slices:
        query.check()
        if time.monotonic() > until:
            raise TimeoutError("the slices were not merged")
        time.sleep(0.2)
    time.sleep(1.0)
    return time.time() - query.started - 1.0
