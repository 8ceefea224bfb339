"""The made-up crowd as the query service holds it."""

from __future__ import annotations

import pytest
from google.protobuf import duration_pb2
from tests.unit.query.crowd import HISTORY, LIVE, START, Crowd
from tests.unit.query.serving import Serving

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.gate import OpenGate
from sottovoce_query.held import HeldCells
from sottovoce_query.ranges import Range
from sottovoce_query.similar import SimilarIndex
from sottovoce_query.sources import Source, Sources
from sottovoce_query.statistics import Statistics
from sottovoce_query.tracks import TrackBook, TrackNames
from sottovoce_query.windows import Windows


def hold(crowd, **how):
    cells = HeldCells(
        crowd.data_set,
        lambda version: crowd.catalogue if version else type(crowd.catalogue).empty(),
        lambda: crowd.terms,
    )
    for shard, key, value in crowd.records(**how):
        cells.apply(shard, key, value)
    cells.update()
    return cells


def sources_of(crowds, cells):
    live = crowds["live"]
    names = TrackNames()
    for name in live.names():
        names.apply(name.SerializeToString())
    empty = type(live.catalogue).empty()
    book = TrackBook(
        lambda version: live.catalogue if version else empty, lambda: live.catalogue.version, names
    )
    by_name = {}
    for name, held in cells.items():
        gate = OpenGate(Statistics(held, book))
        by_name[name] = Source(held, gate, Windows(held, gate, 0.01, 100))
    return Sources(by_name, book, SimilarIndex(book.catalogue_of))


@pytest.fixture(scope="session")
def crowd():
    return Crowd()


@pytest.fixture(scope="session")
def past():
    """A crowd of long ago, sealed."""
    return Crowd(HISTORY, 86_400_000 * 12_000, slices=4, listens=400, seed=2)


@pytest.fixture(scope="session")
def sources(crowd, past):
    crowds = {"live": crowd, "history": past}
    return sources_of(crowds, {name: hold(each) for name, each in crowds.items()})


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
