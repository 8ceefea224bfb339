from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.made_up_listens import make_listens, read

from sottovoce.cells import (
    CellContent,
    CellsError,
    ForeignCellsError,
    ForgottenCellError,
    IncompleteCellError,
    base_records,
    block_of,
    content_of,
    delta_records,
    index_records,
)
from sottovoce.data_sets.data_set import HOUR_MS, MINUTE_MS, PROFILES
from sottovoce.sketches import hash_keys
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.listens import pack_keys
from sottovoce.wire.v1 import cell_pb2

LIVE = dataclasses.replace(PROFILES["standard"]["live"], epoch=b"e" * 16)
START = 480_000 * HOUR_MS
LISTENS = make_listens(1, 1_200, from_ms=START, to_ms=START + HOUR_MS, tracks=500)

quick = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def content_from(start: int, end: int) -> CellContent:
    content = CellContent()
    content.update(LISTENS[start:end], slice_ms=START, pane_ms=MINUTE_MS)
    return content


def base(through: int, max_bytes: int = 1 << 19):
    return base_records(
        content_from(0, through),
        slice_ms=START,
        through_offset=through,
        blocks=[1],
        epoch=LIVE.epoch,
        max_bytes=max_bytes,
    )


def delta(start: int, end: int, max_bytes: int = 1 << 19):
    return delta_records(
        content_from(start, end),
        slice_ms=START,
        from_offset=start,
        through_offset=end,
        blocks=[2],
        epoch=LIVE.epoch,
        max_bytes=max_bytes,
    )


def bytes_of(cell) -> int:
    return sum(part.ByteSize() for part in cell._parts_that_count())


def progress(epoch: bytes = LIVE.epoch, version: int = 1):
    message = cell_pb2.ShardProgress(epoch=epoch, format_version=version)
    return (b"p", message.SerializeToString())


@quick
@given(st.lists(st.integers(1, 1_199), max_size=6, unique=True), st.booleans())
def test_content_does_not_depend_on_how_it_was_cut(cuts, backwards):
    edges = [0, *sorted(cuts), 1_200]
    pieces = [content_from(*pair) for pair in itertools.pairwise(edges)]
    merged = CellContent()
    for piece in reversed(pieces) if backwards else pieces:
        merged.merge(piece)
    assert merged.payload() == content_from(0, 1_200).payload()


@quick
@given(st.integers(2_000, 60_000))
def test_parts_keep_to_their_size_and_give_the_content_back(max_bytes):
    records = base(1_200, max_bytes)
    assert all(len(value) <= max(max_bytes, 6_500) for _, value in records)
    parts = [cell_pb2.CellPart.FromString(value) for _, value in records]
    assert [part.part for part in parts] == list(range(len(parts)))
    assert {part.parts for part in parts} == {len(parts)}
    assert content_of(parts) == content_from(0, 1_200)


@quick
@given(st.lists(st.integers(1, 1_200), min_size=1, max_size=6, unique=True), st.data())
def test_a_base_and_the_deltas_behind_it_are_the_content(ends, data):
    """Bases and deltas in any number, deltas left behind that a base took in already."""
    records, reached = [], 0
    for end in sorted(ends):
        if data.draw(st.booleans()):
            stale = {key for key, _ in records} if data.draw(st.booleans()) else set()
            fresh = base(end, data.draw(st.sampled_from([3_000, 1 << 19])))
            # Of an older base with more parts, the surplus must go; of deltas nothing need.
            surplus = {
                key
                for key, _ in records
                if CellKey.from_bytes(key).kind is CellKeyKind.BASE or key in stale
            } - {key for key, _ in fresh}
            records += fresh + [(key, None) for key in sorted(surplus)]
        else:
            records += delta(reached, end)
        reached = end
    cell = read(LIVE, [*records, progress()]).cells[START]
    assert cell.content() == content_from(0, reached)
    assert cell.through == reached


def test_a_base_without_all_its_parts_is_no_base():
    whole = base(600, 3_000)
    assert len(whole) > 1
    cell = read(LIVE, [*whole[:-1], *delta(600, 1_200), progress()]).cells[START]
    with pytest.raises(IncompleteCellError, match="lacks parts"):
        cell.content()
    view = read(LIVE, [*delta(0, 600, 3_000)[1:], progress()])
    with pytest.raises(IncompleteCellError, match="from offset 0"):
        view.cells[START].content()


def test_surplus_parts_of_an_older_base_do_not_count():
    newer = base(1_200)
    older = [each for each in base(600, 3_000) if each[0] not in {key for key, _ in newer}]
    cell = read(LIVE, [*older, *newer, progress()]).cells[START]
    assert cell.base_through == 1_200
    assert cell.content() == content_from(0, 1_200)


def test_a_view_moves_only_with_its_progress():
    view = read(LIVE, [*delta(0, 10), progress(), *delta(10, 20)])
    assert view.cells[START].through == 10
    assert view.take_changed() == {START}
    assert view.take_changed() == set()
    view.apply_value(*progress())
    assert view.cells[START].through == 20
    for key in view.cells[START].record_keys():
        view.apply_value(key.to_bytes(), None)
    assert view.cells[START].through == 20
    view.apply_value(*progress())
    assert view.cells == {}
    assert view.take_changed() == {START}


def test_cells_of_another_making_or_of_a_newer_version_are_refused():
    with pytest.raises(ForeignCellsError, match="another making"):
        read(LIVE, [progress(epoch=b"x" * 16)])
    with pytest.raises(ForeignCellsError, match="format version 2"):
        read(LIVE, [progress(version=2)])


def test_a_forgotten_cell_keeps_its_header_and_comes_back_with_its_next_base():
    view = read(LIVE, [*base(600), *delta(600, 700), progress()])
    cell = view.cells[START]
    before = cell.record_keys(), cell.through, cell.blocks
    size = bytes_of(cell)
    cell.forget()
    assert (cell.record_keys(), cell.through, cell.blocks) == before
    assert bytes_of(cell) < size / 20
    with pytest.raises(ForgottenCellError):
        cell.content()
    for record in [*base(1_200), (delta(600, 700)[0][0], None), progress()]:
        view.apply_value(*record)
    assert cell.content() == content_from(0, 1_200)


def test_an_unknown_sketch_is_refused():
    with pytest.raises(CellsError, match="upgrade"):
        CellContent().merge_bytes(99, b"")  # type: ignore[arg-type]


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("max_bytes", [1 << 19, 600])
def test_the_index_knows_every_listener_of_its_block(closed, max_bytes):
    block = block_of(START)
    high, low = LISTENS["listener_high"], LISTENS["listener_low"]
    hashes = np.unique(hash_keys(high, low)[0])
    records = index_records(
        CellKeyKind.INDEX_BASE,
        block,
        hashes,
        from_offset=0,
        through_offset=1_200,
        offsets=(3, 1_199),
        closed=closed,
        max_bytes=max_bytes,
    )
    index = read(LIVE, [*records, progress()]).index[block]
    assert (index.is_closed, index.offsets) == (closed, (3, 1_199))
    assert all(index.may_hold(key.tobytes()) for key in pack_keys(high[:100], low[:100]))
    strangers = pack_keys(np.arange(500), np.arange(500))
    assert sum(index.may_hold(key.tobytes()) for key in strangers) <= (30 if closed else 0)
