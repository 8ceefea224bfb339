"""Sketches: mergeable summaries in bounded space. Bytes in, numbers out.

Each has `update`, `merge(other)` in place, `to_bytes()`, `from_bytes()` and an estimate with its
bounds. What may stand as an item is the table of `sottovoce.sketches.items`.
"""

from sottovoce.sketches.bloom import BloomFilter
from sottovoce.sketches.bottom_k import BottomKSample
from sottovoce.sketches.errors import (
    CorruptSketch,
    InvalidParameter,
    NewerVersion,
    NotMergeable,
    OutOfOrder,
    ParametersDiffer,
    SketchError,
    TruncatedSketch,
    UnsupportedItems,
)
from sottovoce.sketches.estimate import Estimate
from sottovoce.sketches.exponential_histogram import ExponentialHistogram
from sottovoce.sketches.flajolet_martin import FlajoletMartin
from sottovoce.sketches.hashing import hash_items, hash_keys
from sottovoce.sketches.items import Items, ItemsLike
from sottovoce.sketches.key_counts import KeyCounts
from sottovoce.sketches.moments import Moments
from sottovoce.sketches.occupancy import estimate_from_occupancy
from sottovoce.sketches.sketch import Sketch

__all__ = [
    "BloomFilter",
    "BottomKSample",
    "CorruptSketch",
    "Estimate",
    "ExponentialHistogram",
    "FlajoletMartin",
    "InvalidParameter",
    "Items",
    "ItemsLike",
    "KeyCounts",
    "Moments",
    "NewerVersion",
    "NotMergeable",
    "OutOfOrder",
    "ParametersDiffer",
    "Sketch",
    "SketchError",
    "TruncatedSketch",
    "UnsupportedItems",
    "estimate_from_occupancy",
    "hash_items",
    "hash_keys",
]
