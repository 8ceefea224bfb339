"""The gate in memory: made-up slices as cells, and replicas of it over one log of releases.

Nothing of the gate is replaced: only Kafka is, by a list that several replicas share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tests.memory_log import MemoryLog, SharedLog
from tests.unit.query.crowd import make_catalogue

from sottovoce.cells import CellContent
from sottovoce.data_sets import DataSet, Terms, TermsTimeline
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.wire import listens as wire
from sottovoce_query.held import HeldCells
from sottovoce_query.ranges import Range
from sottovoce_query.releases.releasing import Releasing
from sottovoce_query.releases.shelf import Shelf
from sottovoce_query.settings import QuerySettings
from sottovoce_query.similar import SimilarIndex
from sottovoce_query.sources import Source, Sources
from sottovoce_query.tracks import TrackBook, TrackNames
from sottovoce_query.windows import Windows

LIVE = DataSet("live", True, 6_000, 60_000, 1, epoch=b"e" * 16, clock_guard_ms=0)
"""Ten panes, two steps of rankings."""
START = 20_000 * DAY_MS
CODES = np.array([0, *map(wire.country_code, ("DE", "FR", "BR"))], np.uint32)


@dataclass(frozen=True, eq=False)
class Heard:
    """The listens of one slice, one array a column.

    Attributes:
        who: number of the listener.
        songs: row of the catalogue.
        offsets: milliseconds from the start of the slice, ascending.
        places: of the country in `CODES`.
    """

    who: np.ndarray
    songs: np.ndarray
    offsets: np.ndarray
    places: np.ndarray

    def __len__(self):
        return len(self.who)

    def without(self, listener):
        kept = self.who != listener
        return Heard(*(each[kept] for each in (self.who, self.songs, self.offsets, self.places)))


def draw_heard(random, listeners, listens, tracks, data_set=LIVE, exponent=1.0, bound=20):
    """Draw listens of so many listeners, Zipf over the tracks, at most `bound` of each."""
    chances = 1.0 / np.arange(1, tracks + 1) ** exponent
    who = random.integers(0, listeners, listens)
    order = np.argsort(who, kind="stable")
    ranks = np.arange(listens) - np.searchsorted(who[order], who[order])
    who = np.sort(who[order][ranks < bound])
    random.shuffle(who)
    songs = np.searchsorted(np.cumsum(chances) / chances.sum(), random.random(len(who)))
    offsets = np.sort(random.integers(0, data_set.slice_ms, len(who)))
    return Heard(who, np.minimum(songs, tracks - 1), offsets, random.integers(0, 4, len(who)))


def content_of(heard, catalogue, slice_ms, data_set=LIVE, people=0):
    """Return the cell of a slice, marks and ordinals as the producer sets them.

    Args:
        heard: the listens.
        catalogue: of their songs.
        slice_ms: start of the slice.
        data_set: its grid.
        people: other figures give the same numbers other pseudonyms.
    """
    size = len(heard)
    listens = wire.new_listens(size)
    random = np.random.default_rng([people, slice_ms % 2**31])
    names = random.integers(0, 1 << 63, (2, int(heard.who.max(initial=0)) + 1), dtype=np.uint64)
    listens["listener_high"], listens["listener_low"] = names[:, heard.who]
    listens["track_high"] = catalogue.high[heard.songs]
    listens["track_low"] = catalogue.keys[heard.songs]
    listens["event_high"], listens["event_low"] = random.integers(
        0, 1 << 63, (2, size), dtype=np.uint64
    )
    listens["end_time_ms"] = slice_ms + heard.offsets
    listens["country"] = CODES[heard.places]
    listens["ordinal"] = _ordinals(heard.who)
    artists = catalogue.artist_key[heard.songs]
    flags = np.where(heard.places > 0, wire.COUNTRY_KNOWN, 0)
    flags |= np.where(_firsts(heard.who, heard.songs), wire.FIRST_OF_TRACK, 0)
    flags |= np.where(_firsts(heard.who, artists), wire.FIRST_OF_ARTIST, 0)
    listens["flags"] = flags
    content = CellContent()
    content.update(listens, slice_ms=slice_ms, pane_ms=data_set.pane_ms)
    return content


def _ordinals(who):
    order = np.argsort(who, kind="stable")
    ordinals = np.empty(len(who), np.int64)
    ordinals[order] = np.arange(len(who)) - np.searchsorted(who[order], who[order])
    return ordinals


def _firsts(who, what):
    _, first = np.unique(np.stack([who.astype(np.uint64), what.astype(np.uint64)]), axis=1,
                         return_index=True)  # fmt: skip
    marks = np.zeros(len(who), np.bool_)
    marks[first] = True
    return marks


class Replica:
    """One process's gate over a log that it shares with others."""

    def __init__(self, world, shared, **settings):
        self.world = world
        self.settings = QuerySettings(**{"privacy_epsilon": world.epsilon, **settings})
        self.shelf = Shelf()
        self.log = MemoryLog(shared, self.shelf.put, self.shelf.withdraw)
        self.releasing = Releasing(
            self.settings, {world.data_set.name: world.cells}, world.book, self.log, self.shelf
        )
        self.releasing.catch_up()
        self.gate = self.releasing.gates[world.data_set.name]
        self.desk = self.releasing.desks[world.data_set.name]
        self.ledger = self.releasing.engine.ledger

    def release_all(self):
        """Make every standing release that is due."""
        while self.releasing.follow():
            pass
        return self

    def sources(self):
        windows = Windows(self.world.cells, self.gate, 0.01, 100)
        source = Source(self.world.cells, self.gate, windows)
        index = SimilarIndex(self.world.book.catalogue_of)
        return Sources({self.world.data_set.name: source}, self.world.book, index, self.releasing)


class World:
    """Complete cells of a data set, and the log of releases about them.

    Args:
        slices: the listens of each slice, from the first on; None for one where nobody listened.
        catalogue: of their songs.
        data_set: its grid.
        epsilon: of each slice.
        bound: C.
        people: see `content_of`.
    """

    def __init__(
        self, slices, catalogue=None, data_set=LIVE, epsilon=1.0, bound=20, people=0, names=()
    ):
        self.catalogue = make_catalogue() if catalogue is None else catalogue
        self.data_set, self.epsilon = data_set, epsilon
        terms = Terms(
            data_set.name, catalogue_version=self.catalogue.version, listens_per_slice=bound
        )
        empty = type(self.catalogue).empty()
        self.cells = HeldCells(
            data_set,
            lambda version: self.catalogue if version else empty,
            lambda: TermsTimeline(data_set.name, [terms]),
        )
        told = TrackNames()
        for name in names:
            told.apply(b"", name.SerializeToString())
        self.book = TrackBook(
            lambda version: self.catalogue if version else empty,
            lambda: self.catalogue.version,
            told,
        )
        self.shared = SharedLog(opened_at_ms=START)
        self.starts = [START + number * data_set.slice_ms for number in range(len(slices))]
        self.cells.complete_through_ms = START + len(slices) * data_set.slice_ms
        for start_ms, heard in zip(self.starts, slices, strict=True):
            if isinstance(heard, CellContent):
                self.cells.replace(start_ms, [(0, heard)])
            elif heard is not None:
                content = content_of(heard, self.catalogue, start_ms, data_set, people)
                self.cells.replace(start_ms, [(0, content)])

    def replica(self, shared=None, **settings):
        return Replica(self, self.shared if shared is None else shared, **settings)

    def range(self, first=0, stop=None):
        """Whole slices [first, stop)."""
        stop = len(self.starts) if stop is None else stop
        return Range(*(START + number * self.data_set.slice_ms for number in (first, stop)))

    def panes(self, first, stop):
        """Panes [first, stop) from the start on."""
        return Range(START + first * self.data_set.pane_ms, START + stop * self.data_set.pane_ms)


def small_world(slices=3, seed=1, listeners=40, listens=300, **more):
    """Return a world of a few small slices."""
    random = np.random.default_rng(seed)
    heard = [draw_heard(random, listeners, listens, 40) for _ in range(slices)]
    return World(heard, **more)
