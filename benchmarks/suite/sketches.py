"""The sketches beside those of others: time an item, and error for the bytes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import datasketches  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
import probables

from benchmarks.made_up_log import zipf_tracks
from benchmarks.results import Result, Table, Target
from sottovoce.catalogue import SimilarTracks, read_catalogue
from sottovoce.sketches import BloomFilter, BottomKSample, FlajoletMartin, KeyCounts
from sottovoce_producer.sources.made_up import write_made_up_catalogue

QUESTION = "What does an item cost, and how much accuracy does a byte buy, beside other libraries?"
_SIZES = {"tiny": (100_000, 20), "full": (500_000, 200)}
_LG_K = 11
_SLOW = 20_000
_CAPACITY, _RATE = 100_000, 0.01
_CATALOGUE = 30_000

type Keys = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]


def measure(size: str) -> Result:
    """Measure time, error and size of each."""
    items, runs = _SIZES["tiny" if size == "tiny" else "full"]
    rng = np.random.default_rng(5)
    distinct = _distinct(rng, items, runs)
    product = {name: error * length**0.5 for name, (error, length) in distinct.items()}
    similar, recall = _similar(rng)
    return Result(
        "sketches",
        QUESTION,
        tables=[
            Table(
                "Time an item (one thread)",
                ["sketch", "ours, ns", "theirs, ns", "theirs"],
                _times(rng, items),
            ),
            Table(
                f"Distinct items: {runs} runs of {items:,} items",
                ["sketch", "rms relative error", "bytes", "error x sqrt(bytes)"],
                [[name, *distinct[name], product[name]] for name in distinct],
            ),
            Table(
                f"Bloom filter: {_CAPACITY:,} items at p = {_RATE}",
                ["library", "bytes", "false positives"],
                _bloom(rng),
            ),
            Table(
                f"Ten nearest of {_CATALOGUE:,} tracks", ["way", "us a query", "recall"], similar
            ),
        ],
        targets=[
            Target(
                "FM error x sqrt(bytes) / CPC's",
                product["FM"] / product["CPC"],
                1.3,
                "at most",
                "x",
            ),
            Target("LSH recall@10", recall, 0.9, "at least"),
        ],
        figures={"distinct": {name: list(each) for name, each in distinct.items()}},
        notes=[
            (
                f"CPC (lg k = {_LG_K}) and HLL (lg k = 12, 4 bits) are those of datasketches. CPC "
                "alone knows the order in which its items came; merged, as sketches of cells "
                "always are, it "
                "loses that. Their Python calls take an item at a time, ours take arrays."
            ),
        ],
    )


def _keys(rng: np.random.Generator, size: int) -> Keys:
    high, low = rng.integers(0, 2**63, (2, size), dtype=np.uint64)
    return high, low


def _ns(work: Callable[[], object], items: int, times: int = 5) -> float:
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best / items * 1e9


def _times(rng: np.random.Generator, items: int) -> list[list[str | float]]:
    high, low = _keys(rng, items)
    numbers = [int(each) for each in low[:_SLOW]]
    texts = [str(each) for each in numbers]
    tracks, panes = zipf_tracks(rng, items), rng.integers(0, 60, items).astype(np.uint32)
    payloads = rng.integers(0, 255, (items, 40), dtype=np.uint8)
    ones = np.ones(items, np.int64)

    def each(sketch: object) -> Callable[[], object]:
        update = sketch.update  # type: ignore[attr-defined]
        return lambda: [update(number) for number in numbers]

    def counted() -> dict[tuple[int, int], int]:
        counts: dict[tuple[int, int], int] = {}
        for key in zip(panes[:_SLOW].tolist(), tracks[:_SLOW].tolist(), strict=True):
            counts[key] = counts.get(key, 0) + 1
        return counts

    bloom = probables.BloomFilter(_CAPACITY, _RATE)
    few = texts[:2_000]
    return [
        ["Flajolet-Martin", _ns(lambda: FlajoletMartin().update_keys(high, low), items),
         _ns(each(datasketches.cpc_sketch(_LG_K)), _SLOW), "datasketches CPC"],
        ["Flajolet-Martin", _ns(lambda: FlajoletMartin().update_keys(high, low), items),
         _ns(each(datasketches.hll_sketch(12)), _SLOW), "datasketches HLL"],
        ["Bloom filter, add", _ns(lambda: BloomFilter().update_keys(high, low), items),
         _ns(lambda: list(map(bloom.add, few)), len(few)), "pyprobables"],
        ["key counts (pane, track)", _ns(lambda: KeyCounts().add(panes, tracks, ones), items),
         _ns(counted, _SLOW), "a dict"],
        ["bottom-k sample", _ns(lambda: BottomKSample().add(high, low, payloads), items), "-", "-"],
    ]  # fmt: skip


def _distinct(rng: np.random.Generator, items: int, runs: int) -> dict[str, tuple[float, float]]:
    errors: dict[str, list[float]] = {"FM": [], "CPC": [], "CPC, merged": [], "HLL": []}
    lengths: dict[str, list[int]] = {name: [] for name in errors}

    def note(name: str, estimate: float, length: int) -> None:
        errors[name].append(estimate / items - 1)
        lengths[name].append(length)

    for _ in range(runs):
        high, low = _keys(rng, items)
        fm = FlajoletMartin()
        fm.update_keys(high, low)
        note("FM", fm.estimate().value, len(fm.to_bytes()))
        cpc, hll = datasketches.cpc_sketch(_LG_K), datasketches.hll_sketch(12)
        add_cpc, add_hll = cpc.update, hll.update
        for number in low.tolist():
            add_cpc(number)
            add_hll(number)
        note("CPC", cpc.get_estimate(), len(cpc.serialize()))
        union = datasketches.cpc_union(_LG_K)
        union.update(cpc)
        merged = union.get_result()
        note("CPC, merged", merged.get_estimate(), len(merged.serialize()))
        note("HLL", hll.get_estimate(), len(hll.serialize_compact()))
    return {
        name: (float(np.sqrt(np.mean(np.square(errors[name])))), float(np.mean(lengths[name])))
        for name in errors
    }


def _bloom(rng: np.random.Generator) -> list[list[str | float]]:
    ours = BloomFilter(_CAPACITY, _RATE)
    ours.update_keys(*_keys(rng, _CAPACITY))
    false = float(ours.contains_keys(*_keys(rng, 200_000)).mean())
    theirs = probables.BloomFilter(_CAPACITY, _RATE)
    for number in range(_CAPACITY):
        theirs.add(f"in-{number}")
    found = sum(theirs.check(f"out-{number}") for number in range(_SLOW)) / _SLOW
    return [
        ["ours", ours.size // 8, false],
        ["pyprobables", len(bytes(theirs)), found],
    ]


def _similar(rng: np.random.Generator) -> tuple[list[list[str | float]], float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made-up.csv"
        write_made_up_catalogue(path, _CATALOGUE)
        catalogue, _ = read_catalogue(path)
    index = SimilarTracks.from_catalogue(catalogue)
    asked = [int(each) for each in rng.choice(catalogue.keys, 200, replace=False)]
    index.query(asked[0])
    features = np.nan_to_num(
        (catalogue.features - np.nanmean(catalogue.features, axis=0))
        / np.nanstd(catalogue.features, axis=0)
    )
    directions = features / np.linalg.norm(features, axis=1, keepdims=True)
    places = catalogue.rows(np.array(asked, np.uint64))

    def brute() -> list[set[int]]:
        found = []
        for place in places.tolist():
            likeness = directions @ directions[place]
            likeness[place] = -2
            found.append(set(catalogue.keys[np.argpartition(-likeness, 10)[:10]].tolist()))
        return found

    truth = brute()
    near = [{each.id for each in index.query(track, 10)} for track in asked]
    recall = float(np.mean([len(a & b) / 10 for a, b in zip(near, truth, strict=True)]))
    lsh_us = _ns(lambda: [index.query(track, 10) for track in asked], len(asked)) / 1000
    brute_us = _ns(brute, len(asked)) / 1000
    looked = float(np.mean([index.looked_at(track) for track in asked])) / len(index)
    return [
        [f"LSH, looks at {looked:.1%}", lsh_us, recall],
        ["brute force (numpy)", brute_us, 1.0],
    ], recall
