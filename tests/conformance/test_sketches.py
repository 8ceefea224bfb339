"""Every sketch against every check that applies to it; the table below says which."""

import copy
import itertools
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce import sketches
from sottovoce.sketches import (
    BloomFilter,
    BottomKSample,
    CorruptSketch,
    Estimate,
    ExponentialHistogram,
    FlajoletMartin,
    KeyCounts,
    Moments,
    NewerVersion,
    NotMergeable,
    ParametersDiffer,
    Sketch,
    TruncatedSketch,
    UnsupportedItems,
)
from sottovoce.sketches.encoding import seal

TEXTS = st.lists(st.text(max_size=6).filter(lambda text: not text.endswith("\0")), max_size=60)
VECTORS = st.lists(st.tuples(*[st.floats(-1e6, 1e6, allow_nan=False)] * 3), max_size=40).map(
    lambda rows: np.array(rows, dtype=float).reshape(-1, 3)
)
TICKS = st.lists(st.tuples(st.integers(-50, 400), st.integers(-9, 9)), max_size=80).map(sorted)

LAW = {"order", "batches", "merge", "empty", "bytes", "flips", "cuts", "newer", "parameters"}
ITEMS = {"forms", "one string", "defaults"}


@dataclass(frozen=True)
class Case:
    """A sketch, what feeds it, and the checks that apply to it."""

    type: type[Sketch]
    make: Callable[[], Any]
    other: Callable[[], Any]
    batches: st.SearchStrategy[Any]
    checks: frozenset[str]


CASES = [
    Case(FlajoletMartin, lambda: FlajoletMartin(64), lambda: FlajoletMartin(128), TEXTS,
         frozenset(LAW | ITEMS | {"idempotent"})),
    Case(BloomFilter, lambda: BloomFilter(50, 0.1), lambda: BloomFilter(50, 0.2), TEXTS,
         frozenset(LAW | ITEMS | {"idempotent"})),
    Case(BottomKSample, lambda: BottomKSample(5), lambda: BottomKSample(6), TEXTS,
         frozenset(LAW | ITEMS | {"idempotent"})),
    Case(KeyCounts, KeyCounts, lambda: KeyCounts(2), TEXTS, frozenset(LAW | ITEMS | {"adds up"})),
    Case(Moments, Moments, lambda: Moments(scale=1000), VECTORS,
         frozenset(LAW | {"adds up", "defaults"})),
    Case(ExponentialHistogram, lambda: ExponentialHistogram(100, 0.25),
         lambda: ExponentialHistogram(100), TICKS,
         frozenset({"batches", "empty", "bytes", "flips", "cuts", "newer", "defaults", "alone"})),
]  # fmt: skip


def applies(check: str) -> pytest.MarkDecorator:
    chosen = [case for case in CASES if check in case.checks]
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case.type.__name__)


def filled(case: Case, *batches: Any) -> Any:
    sketch = case.make()
    for batch in batches:
        sketch.update(batch)
    return sketch


def shuffled(batch: Any, seed: int) -> Any:
    order = list(range(len(batch)))
    random.Random(seed).shuffle(order)
    return batch[order] if isinstance(batch, np.ndarray) else [batch[i] for i in order]


def example(case: Case) -> Any:
    if case.type is Moments:
        return np.random.default_rng(5).normal(size=(200, 3))
    if case.type is ExponentialHistogram:
        return [(tick, tick % 5 - 1) for tick in range(200)]
    return [f"item {i % 150}" for i in range(200)]


def test_the_table_names_every_sketch():
    exported = {
        value
        for value in vars(sketches).values()
        if isinstance(value, type) and issubclass(value, Sketch) and value is not Sketch
    }
    assert {case.type for case in CASES} == exported
    assert len({case.type.KIND for case in CASES}) == len(CASES)


@applies("order")
@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_order_leaves_no_trace(case, data, seed):
    batch = data.draw(case.batches)
    one, two = filled(case, batch), filled(case, shuffled(batch, seed))
    if len(batch):
        assert one.payload() == two.payload()
        assert one.to_bytes() == two.to_bytes()


@applies("batches")
@settings(max_examples=40, deadline=None)
@given(data=st.data(), cuts=st.lists(st.integers(0, 80), max_size=4))
def test_batching_leaves_no_trace(case, data, cuts):
    batch = data.draw(case.batches)
    edges = [0, *sorted(min(cut, len(batch)) for cut in cuts), len(batch)]
    pieces = [batch[begin:end] for begin, end in itertools.pairwise(edges)]
    assert filled(case, *pieces) == filled(case, batch)


@applies("merge")
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_merge_tree_gives_the_same(case, data):
    a, b, c = (data.draw(case.batches) for _ in range(3))
    whole = filled(case, a, b, c)
    left = filled(case, a)
    left.merge(filled(case, b))
    left.merge(filled(case, c))
    right = filled(case, c)
    tail = filled(case, b)
    right.merge(filled(case, a))
    right.merge(tail)
    assert left == whole
    assert right == whole
    assert right.to_bytes() == whole.to_bytes()
    assert tail == filled(case, b), "merging must not change the other"
    right.update(a)
    assert tail == filled(case, b), "nor share its memory"


@applies("merge")
def test_merging_an_empty_one_changes_nothing(case):
    sketch, empty = filled(case, example(case)), case.make()
    sketch.merge(case.make())
    empty.merge(sketch)
    assert sketch == filled(case, example(case)) == empty


@applies("idempotent")
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_what_came_again_leaves_no_trace(case, data):
    batch = data.draw(case.batches)
    sketch = filled(case, batch)
    sketch.merge(filled(case, batch))
    sketch.update(batch)
    assert sketch == filled(case, batch)


@applies("adds up")
def test_what_came_again_counts_again(case):
    once, twice = filled(case, example(case)), filled(case, example(case), example(case))
    assert once != twice
    once.merge(filled(case, example(case)))
    assert once == twice


@applies("empty")
def test_an_empty_one_knows_nothing(case):
    sketch = case.make()
    assert sketch == case.make()
    assert sketch != filled(case, example(case))
    assert type(sketch).from_bytes(sketch.to_bytes()) == sketch
    if case.type is not Moments:
        assert sketch.estimate() == Estimate(0.0, 0.0, 0.0)


@applies("bytes")
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_bytes_bring_it_back(case, data):
    sketch = filled(case, data.draw(case.batches))
    again = case.type.from_bytes(sketch.to_bytes())
    assert again == sketch
    assert again.to_bytes() == sketch.to_bytes()
    more = example(case)
    if case.type is ExponentialHistogram:
        more = [(tick + 1000, count) for tick, count in more]
    sketch.update(more)
    again.update(more)
    assert again == sketch, "and it goes on as the other does"


@applies("bytes")
def test_a_copy_and_a_pickle_are_apart_from_the_original(case):
    sketch = filled(case, example(case))
    before = sketch.payload()
    for again in (copy.deepcopy(sketch), pickle.loads(pickle.dumps(sketch))):
        assert again == sketch
        more = [(tick + 1000, 1) for tick in range(9)]
        again.update(more if case.type is ExponentialHistogram else example(case)[:9])
        assert sketch.payload() == before


@applies("flips")
@pytest.mark.parametrize("fill", ["empty", "full"])
def test_any_flipped_bit_is_an_error(case, fill):
    data = filled(case, *([example(case)] if fill == "full" else [])).to_bytes()
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((CorruptSketch, NewerVersion)):
            case.type.from_bytes(bytes(changed))


@applies("cuts")
def test_any_cut_is_an_error(case):
    data = filled(case, example(case)).to_bytes()
    for length in range(len(data)):
        with pytest.raises(TruncatedSketch):
            case.type.from_bytes(data[:length])
    with pytest.raises(CorruptSketch):
        case.type.from_bytes(data + b"\0")


@applies("newer")
def test_a_newer_version_asks_for_an_upgrade(case):
    with pytest.raises(NewerVersion, match="upgrade"):
        case.type.from_bytes(seal(case.type.KIND, case.type.VERSION + 1, b"something else"))


@applies("bytes")
@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=60))
def test_a_body_that_nobody_wrote_is_corrupt_or_harmless(case, body):
    try:
        sketch = case.type.from_bytes(seal(case.type.KIND, case.type.VERSION, body))
    except CorruptSketch:
        return
    assert case.type.from_bytes(sketch.to_bytes()) == sketch


@applies("bytes")
def test_bytes_of_another_sketch_are_corrupt(case):
    for other in CASES:
        if other.type is not case.type:
            with pytest.raises(CorruptSketch, match=case.type.__name__):
                case.type.from_bytes(other.make().to_bytes())


@applies("parameters")
def test_different_parameters_are_never_merged(case):
    sketch, before = filled(case, example(case)), filled(case, example(case))
    with pytest.raises(ParametersDiffer):
        sketch.merge(case.other())
    another = next(other for other in CASES if other.type is not case.type)
    with pytest.raises(ParametersDiffer):
        sketch.merge(another.make())
    assert sketch == before


@applies("alone")
def test_what_depends_on_order_refuses_to_merge(case):
    with pytest.raises(NotMergeable):
        case.make().merge(case.make())


@applies("forms")
@settings(max_examples=25, deadline=None)
@given(texts=TEXTS)
def test_every_form_of_the_same_items_is_the_same(case, texts):
    wanted = filled(case, texts)
    raw = [text.encode() for text in texts]
    forms = {
        "bytes": raw,
        "tuple": tuple(texts),
        "object": np.array(texts, dtype=object),
        "arrow string": pa.array(texts, pa.string()),
        "arrow large": pa.array(texts, pa.large_string()),
        "arrow binary": pa.array(raw, pa.binary()),
        "arrow view": pa.array(texts, pa.string_view()),
        "dictionary": pa.array(texts, pa.string()).dictionary_encode(),
        "chunked": pa.chunked_array([texts[:7], texts[7:]], pa.string()),
        "slice": pa.array(["before", *texts, "after"], pa.string())[1:-1],
        "U": np.array(texts, dtype=np.str_),
        "S": np.array(raw, dtype=np.bytes_),
    }
    for name, form in forms.items():
        assert filled(case, form) == wanted, name


@applies("forms")
def test_every_form_of_fixed_width_items_is_the_same(case):
    rng = np.random.default_rng(3)
    high, low = rng.integers(0, 2**64, (2, 90), dtype=np.uint64)
    rows = np.stack([high, low], axis=1).astype(">u8").view(np.uint8).reshape(90, 16)
    raw = [row.tobytes() for row in rows]
    record = rows.reshape(-1).view([("high", ">u8"), ("low", ">u8")])
    wanted = filled(case, raw)
    assert filled(case, rows) == wanted
    assert filled(case, record) == wanted
    assert filled(case, rows.reshape(-1).view("V16")) == wanted
    assert filled(case, pa.array(raw, pa.binary(16))) == wanted
    if hasattr(wanted, "update_keys"):
        sketch = case.make()
        sketch.update_keys(high, low)
        assert sketch == wanted
    numbers = high.astype("<u8").view(np.uint8).reshape(90, 8)
    assert filled(case, high) == filled(case, numbers) == filled(case, pa.array(high))
    assert filled(case, high.view(np.int64)) == filled(case, high)


@applies("one string")
@pytest.mark.parametrize(
    "items",
    ["text", b"bytes", [1, 2], [None], np.array([1.5]), np.zeros((2, 2)), pa.array(["a", None]),
     pa.array([1.5]), None, 5, ["\ud800"], np.array(["\ud800"]),
     np.ma.array(["a", "b"], mask=[False, True])],
    ids=str,
)  # fmt: skip
def test_what_is_no_item_is_refused(case, items):
    sketch = case.make()
    with pytest.raises(UnsupportedItems):
        sketch.update(items)
    assert sketch == case.make()


@applies("one string")
@pytest.mark.parametrize(
    "items",
    [[], (), np.array([]), np.array([], dtype=object), pa.array([]), pa.chunked_array([[]])],
    ids=["list", "tuple", "floats", "objects", "arrow array", "arrow chunks"],
)  # fmt: skip
def test_no_items_change_nothing_in_whatever_form(case, items):
    sketch = case.make()
    sketch.update(items)
    assert sketch == case.make()


@applies("defaults")
def test_defaults_are_enough(case):
    sketch = case.type()
    sketch.update(example(case))
    estimate = sketch.estimate()
    assert estimate.lower <= estimate.value <= estimate.upper
    if case.type not in (Moments, ExponentialHistogram):
        assert estimate.contains(150)
    assert case.type.from_bytes(sketch.to_bytes()) == sketch
