"""What is held stays equal to what the log says, however it was said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.query.conftest import hold
from tests.unit.query.crowd import LIVE, Crowd

from sottovoce.cells import CellContent
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2
from sottovoce_query.held import fingerprint
from sottovoce_query.pane_counts import PaneCounts


def plays(cells, start_ms):
    merged = cells.slice(start_ms)
    return int(merged.pane_plays.sum()), int(merged.plays.unpack().sum()), len(merged.tracks.keys)


@pytest.fixture
def crowd():
    return Crowd()


def test_complete_slices_let_go_of_what_they_came_from(crowd):
    cells = hold(crowd)
    while cells.settle_one():
        pass
    assert cells.merged_slices == 3
    parts = [cell for view in cells._views for cell in view.cells.values()]
    assert all(cell.is_forgotten for cell in parts)
    truth = len(crowd.within(crowd.start_ms, crowd.start_ms + 30_000))
    assert plays(cells, crowd.start_ms)[:2] == (truth, truth)


def test_a_skimmed_slice_is_kept_without_its_sketches_until_it_is_read_again(crowd):
    whole = hold(crowd)
    cells = hold(crowd, skim_before_ms=crowd.start_ms + LIVE.slice_ms)
    assert cells.stale == {crowd.start_ms}
    assert list(cells.starts) == list(whole.starts)
    parts = [view.cells[crowd.start_ms] for view in cells._views if crowd.start_ms in view.cells]
    assert all(cell.is_forgotten for cell in parts)
    contents = whole._cells(crowd.start_ms)
    cells.replace(crowd.start_ms, ((shard, cell.content()) for shard, cell in contents.items()))
    assert not cells.stale
    assert [plays(cells, start) for start in cells.starts] == [
        plays(whole, start) for start in whole.starts
    ]


def test_what_was_skimmed_but_not_committed_yet_is_read_again_once_it_is(crowd):
    behind = late(crowd, crowd.start_ms, 3)
    parts = [each for each in behind if each[1] != b"p"]
    cells = hold(crowd, skim_before_ms=crowd.end_ms, staged=parts)
    cells.skim_before_ms = 0
    for start_ms in cells.stale:
        contents = hold(crowd)._cells(start_ms)
        cells.replace(start_ms, ((shard, cell.content()) for shard, cell in contents.items()))
    assert not cells.stale
    for shard, key, value in behind:
        if key == b"p":
            cells.apply(shard, key, value)
    cells.update()
    assert cells.stale == {crowd.start_ms}


def test_a_fold_of_a_slice_that_was_skimmed_changes_nothing(crowd):
    whole = hold(crowd)
    cells = hold(crowd, skim_before_ms=crowd.end_ms)
    cells.skim_before_ms = 0
    for start_ms in cells.stale:
        contents = whole._cells(start_ms)
        cells.replace(start_ms, ((shard, cell.content()) for shard, cell in contents.items()))
    for shard, key, value in crowd.records(base=True):
        cells.apply(shard, key, value)
    cells.update()
    assert not cells.stale


def test_a_fold_changes_nothing(crowd):
    cells = hold(crowd)
    before = [plays(cells, start) for start in cells.starts]
    for shard, key, value in crowd.records(base=True):
        cells.apply(shard, key, value)
    cells.update()
    assert not cells.stale
    assert cells.settled == 0
    assert [plays(cells, start) for start in cells.starts] == before
    assert all(cell.is_forgotten for view in cells._views for cell in view.cells.values())


def test_a_base_with_another_content_makes_the_slice_stale(crowd):
    cells = hold(crowd)
    while cells.settle_one():
        pass
    without = Crowd()
    without.listens = without.listens[without.listens["listener_high"] != crowd.pseudonyms[0][0]]
    for shard, key, value in without.records(base=True):
        if key[:1] == b"b":  # a later replay
            part = cell_pb2.CellPart.FromString(value)
            part.through_offset += 10_000
            value = part.SerializeToString()
        cells.apply(shard, key, value)
    cells.update()
    assert cells.stale


def late(crowd, slice_ms, pane):
    """A delta behind all others, with one listen in a pane."""
    one = crowd.listens[:1].copy()
    one["end_time_ms"] = slice_ms + pane * LIVE.pane_ms
    content = CellContent()
    content.update(one, slice_ms=slice_ms, pane_ms=LIVE.pane_ms)
    other = replace_listens(crowd, one)
    return [
        (shard, _behind(key), value) if key != b"p" else (shard, key, value)
        for shard, key, value in other.records(crowd.end_ms, deltas=1)
    ]


def _behind(key):
    return replace(CellKey.from_bytes(key), from_offset=10_000).to_bytes()


def replace_listens(crowd, listens):
    other = Crowd()
    other.listens = listens
    return other


def test_a_latecomer_to_a_settled_slice_makes_it_stale_until_it_is_read_again(crowd):
    cells = hold(crowd)
    cells.slice(crowd.start_ms)
    for shard, key, value in late(crowd, crowd.start_ms, 3):
        cells.apply(shard, key, value)
    assert not cells.stale  # not before its progress record was taken in
    cells.update()
    assert cells.stale == {crowd.start_ms}
    content = CellContent()
    content.update(crowd.listens[:1], slice_ms=crowd.start_ms, pane_ms=LIVE.pane_ms)
    cells.replace(crowd.start_ms, [(0, content)])
    assert cells.settled == 1
    assert not cells.stale
    assert plays(cells, crowd.start_ms)[0] == 1


def test_a_latecomer_to_an_open_slice_shows_at_once(crowd):
    middle = crowd.start_ms + 14_000
    cells = hold(crowd, through_ms=middle)
    before = plays(cells, crowd.start_ms)[0]
    for shard, key, value in late(crowd, crowd.start_ms, 3):
        cells.apply(shard, key, value)
    cells.update()
    assert cells.settled == 1
    assert plays(cells, crowd.start_ms)[0] == before + 1


def test_what_comes_in_time_does_not_disturb_kept_answers(crowd):
    cells = hold(crowd, through_ms=crowd.start_ms + 14_000)
    for shard, key, value in late(crowd, crowd.start_ms, 9):
        cells.apply(shard, key, value)
    cells.update()
    assert cells.settled == 0


def test_the_clock_of_the_log_moves_the_floor_and_a_cell_that_an_erasure_emptied_does_not(crowd):
    cells = hold(crowd)
    cells.slice(crowd.start_ms)
    for shard, key, value in crowd.records():
        if key == b"p":
            cells.apply(shard, key, value)
        elif CellKey.from_bytes(key).at == crowd.start_ms:
            cells.apply(shard, key, None)
    cells.update()
    assert cells.slice(crowd.start_ms) is None
    assert cells.floor_ms == 0
    cells.data_set = replace(LIVE, cell_retention_ms=LIVE.slice_ms)
    assert cells.floor_ms == LIVE.slice_of(
        max(each.append_time_ms for each in cells.progress) - LIVE.slice_ms
    )
    assert cells.floor_ms > crowd.start_ms


def test_one_shard_that_lags_holds_completeness_back(crowd):
    cells = hold(crowd)
    other = hold(crowd, through_ms=crowd.start_ms)
    other.apply(0, *crowd.progress(0, crowd.end_ms, 1))
    assert not other.update()
    assert other.complete_through_ms == crowd.start_ms
    assert cells.complete_through_ms == crowd.end_ms


def test_the_log_index_is_not_kept(crowd):
    cells = hold(crowd)
    cells.apply(0, CellKey(CellKeyKind.INDEX_BASE, 1).to_bytes(), b"not even a message")
    assert not cells._views[0].index


rows = st.dictionaries(
    st.tuples(st.integers(0, 5), st.integers(0, 300)),
    st.one_of(st.integers(1, 3), st.integers(250, 70_000)),
    max_size=40,
)


@given(rows, st.integers(0, 300), st.integers(0, 301), st.sets(st.integers(0, 9)))
@settings(max_examples=60, deadline=None)
def test_pane_counts_are_exact(table, first, stop, shared):
    columns = [(key, pane, count) for (key, pane), count in table.items()]
    keys, panes, counts = (np.array([row[i] for row in columns], np.int64) for i in range(3))
    catalogue_keys = np.array(sorted(shared), np.uint64)
    held = PaneCounts(keys.astype(np.uint64), panes.astype(np.uint32), counts, catalogue_keys)
    wanted: dict[int, int] = {key: 0 for key, _ in table}
    by_pane = np.zeros(301, np.int64)
    for (key, pane), count in table.items():
        wanted[key] += count if first <= pane < stop else 0
        by_pane[pane] += count if key < 3 else 0
    assert dict(zip(held.keys.tolist(), held.sums(first, stop).tolist(), strict=True)) == wanted
    assert (held.by_pane(np.arange(3, dtype=np.uint64), 301) == by_pane).all()
    labels = (held.keys < 3).astype(np.int64)
    assert (held.grouped(labels, 2, 301)[1] == by_pane).all()


def test_fingerprints_tell_contents_apart_and_not_their_order(crowd):
    def content(listens):
        made = CellContent()
        made.update(listens, slice_ms=crowd.start_ms, pane_ms=LIVE.pane_ms)
        return made

    inside = crowd.listens[crowd.listens["end_time_ms"] < crowd.start_ms + 30_000]
    assert fingerprint(content(inside)) == fingerprint(content(inside[::-1].copy()))
    assert fingerprint(content(inside)) != fingerprint(content(inside[1:]))
