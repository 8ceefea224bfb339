"""The made-up crowd as the query service holds it."""

from __future__ import annotations

import pytest
from google.protobuf import duration_pb2
from tests.memory_log import MemoryLog, SharedLog
from tests.unit.query.crowd import HISTORY, LIVE, START, Crowd
from tests.unit.query.serving import Serving

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.held import HeldCells
from sottovoce_query.ranges import Range
from sottovoce_query.releases.releasing import Releasing
from sottovoce_query.releases.shelf import Shelf
from sottovoce_query.settings import QuerySettings
from sottovoce_query.similar import SimilarIndex
from sottovoce_query.sources import Source, Sources
from sottovoce_query.tracks import TrackBook, TrackNames
from sottovoce_query.windows import Windows


def hold(crowd, *, skim_before_ms=0, staged=(), **how):
    cells = HeldCells(
        crowd.data_set,
        lambda version: crowd.catalogue if version else type(crowd.catalogue).empty(),
        lambda: crowd.terms,
    )
    cells.skim_before_ms = skim_before_ms
    for shard, key, value in (*crowd.records(**how), *staged):
        cells.apply(shard, key, value)
    cells.update()
    return cells


def book_of(live):
    names = TrackNames()
    for name in live.names():
        names.apply(b"", name.SerializeToString())
    empty = type(live.catalogue).empty()
    return TrackBook(
        lambda version: live.catalogue if version else empty, lambda: live.catalogue.version, names
    )


SILENT = 1e9
"""An epsilon at which noise is 0: released figures are the exact ones."""


def settings_of(epsilon=SILENT, **more):
    # Built without the bounds that keep an operator from such an epsilon.
    return QuerySettings().model_copy(update={"privacy_epsilon": epsilon, **more})


def releasing_of(cells, book, shared, epsilon=SILENT, **more):
    """The gate's inside over made-up cells, caught up."""
    shelf = Shelf()
    log = MemoryLog(shared, shelf.put, shelf.withdraw)
    releasing = Releasing(settings_of(epsilon, **more), cells, book, log, shelf)
    releasing.catch_up()
    while releasing.follow():
        pass
    return releasing


def sources_of(cells, book, releasing):
    by_name = {
        name: Source(held, releasing.gates[name], Windows(held, releasing.gates[name], 0.01, 100))
        for name, held in cells.items()
    }
    return Sources(by_name, book, SimilarIndex(book.catalogue_of), releasing)


def opened_for(crowds):
    """A log whose ledger was opened before anybody listened."""
    starts = [(name, each.start_ms - 10 * each.data_set.slice_ms) for name, each in crowds.items()]
    return SharedLog(0, tuple(starts))


def serve(crowds, cells=None, **how):
    """The sources of crowds, released by a gate of their own."""
    cells = cells or {name: hold(each) for name, each in crowds.items()}
    book = book_of(crowds["live"])
    return sources_of(cells, book, releasing_of(cells, book, opened_for(crowds), **how))


@pytest.fixture(scope="session")
def crowd():
    return Crowd()


@pytest.fixture(scope="session")
def past():
    """A crowd of long ago, sealed."""
    return Crowd(HISTORY, 86_400_000 * 12_000, slices=4, listens=400, seed=2)


@pytest.fixture(scope="session")
def sources(crowd, past):
    return serve({"live": crowd, "history": past})


def live_range(first=0, stop=3 * LIVE.slice_ms):
    """A range of `live`, in milliseconds from the crowd's start."""
    return Range(START + first, START + stop).to_message()


def seconds(length):
    return duration_pb2.Duration(seconds=length)


def all_plays():
    return query_pb2.SeriesRef(all=query_pb2.AllPlays())


@pytest.fixture
def serving():
    running = Serving()
    yield running
    running.stop()
