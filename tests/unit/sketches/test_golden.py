"""The formats stand: bytes that were written once are read for ever, and mean the same."""

import json
from pathlib import Path

import numpy as np
import pytest

from sottovoce.sketches import (
    BloomFilter,
    BottomKSample,
    ExponentialHistogram,
    FlajoletMartin,
    KeyCounts,
    Moments,
)

GOLDEN = Path(__file__).parent / "golden" / "sketches.json"
WORDS = [f"word {i % 40}" for i in range(60)]
MANY = (np.arange(400, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)


def pane_counts():
    sketch = KeyCounts(2)
    sketch.add(np.arange(400) % 7, MANY % np.uint64(90), np.stack([np.arange(400), MANY % 2], 1))
    return sketch


def updated(sketch, items):
    sketch.update(items)
    return sketch


EXAMPLES = {
    "flajolet-martin sparse": lambda: updated(FlajoletMartin(), WORDS),
    "flajolet-martin dense": lambda: updated(FlajoletMartin(64), MANY),
    "bloom": lambda: updated(BloomFilter(60, 0.02), WORDS),
    "bottom-k": lambda: updated(BottomKSample(4), WORDS),
    "key counts": lambda: updated(KeyCounts(), WORDS),
    "key counts of panes": pane_counts,
    "moments": lambda: updated(Moments(), [[0.5, -1.25], [1e6, 3.0], [0.1, -7.0]]),
    "exponential histogram": lambda: updated(
        ExponentialHistogram(100, 0.2), [(tick, tick % 9 - 2) for tick in range(-20, 150)]
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_golden_bytes_are_read_and_written_as_ever(name):
    golden = json.loads(GOLDEN.read_text())[name]
    sketch = EXAMPLES[name]()
    assert sketch.payload().hex() == golden["payload"]
    assert type(sketch).from_bytes(bytes.fromhex(golden["bytes"])) == sketch
    # What zstd makes of a body may differ between its versions; the envelope may not.
    assert sketch.to_bytes()[:4].hex() == golden["bytes"][:8]
    estimate = sketch.estimate()
    assert [estimate.value, estimate.lower, estimate.upper] == pytest.approx(
        golden["estimate"], rel=1e-6
    )


def test_golden_bytes_are_there_for_every_example():
    assert set(json.loads(GOLDEN.read_text())) == set(EXAMPLES)
