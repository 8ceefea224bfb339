"""The materialiser: follows the log and holds what questions are answered from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from sottovoce.data_sets import TermsTimeline
from sottovoce.data_sets.progress import complete_through, latest_progress
from sottovoce.data_sets.registry import Registry
from sottovoce.erasure import SigningKey
from sottovoce.erasure.log import ErasureLog
from sottovoce.erasure.remains import tombstones_kept_ms
from sottovoce.kafka.reading import LogReader, Record
from sottovoce.kafka.topics import Topics
from sottovoce.ledger.log import KafkaReleaseLog
from sottovoce.service.logging import get_logger
from sottovoce_query.erasures.register import ErasureRegister
from sottovoce_query.gate import Gate
from sottovoce_query.held import HeldCells
from sottovoce_query.memory import give_memory_back
from sottovoce_query.personal import PersonalGate
from sottovoce_query.places import RECORDS_AT_ONCE, Places
from sottovoce_query.releases.engine import Observer
from sottovoce_query.releases.releasing import Releasing
from sottovoce_query.releases.shelf import Shelf
from sottovoce_query.settings import QuerySettings
from sottovoce_query.similar import SimilarIndex
from sottovoce_query.sources import Source, Sources
from sottovoce_query.tracks import CatalogueShelf, TrackBook, TrackNames
from sottovoce_query.windows import Windows

_POLL_SECONDS: Final = 0.05
_REFRESH_SECONDS: Final = 1.0


class Materialiser:
    """Reads `catalogues`, `tracks`, `erasures` and `cells.*` to their ends at the start, then on.

    Args:
        settings: where Kafka is, and how much to keep.
        on_change: called, from the materialiser's thread, when more can be asked about.
        observer: is told what becomes of releases.

    Raises:
        LogError: the log can't be read.
        MissingTopicError: `sottovoce topics create` was not run.
        CertificateError: the key that signs certificates can't be read.
    """

    def __init__(
        self,
        settings: QuerySettings,
        on_change: Callable[[], None],
        observer: Observer | None = None,
    ) -> None:
        self._settings = settings
        self._on_change = on_change
        self._topics = Topics(settings.kafka_topic_prefix)
        self._registry = Registry(settings)
        self._timelines: dict[str, TermsTimeline] = {}
        self._latest = ""
        self._read_registry()
        self._names = TrackNames()
        self._names_reader = LogReader(settings, [(self._topics.tracks, 0)])
        shelf = CatalogueShelf(self._registry.catalogue)
        self.cells = {
            name: HeldCells(data_set, shelf, partial(self._terms, name))
            for name, data_set in self._registry.data_sets.items()
        }
        self._by_topic = {self._topics.cells(name): cells for name, cells in self.cells.items()}
        self._places = {
            topic: Places(topic, cells.data_set.shards) for topic, cells in self._by_topic.items()
        }
        # Before the reader's ends are looked up: whatever is skimmed is then complete at those.
        for cells in self.cells.values():
            progress = latest_progress(settings, cells.data_set)
            cells.skim_before_ms = complete_through(progress, cells.data_set) or 0
        self._reader = LogReader(settings, self._partitions(), at_once=RECORDS_AT_ONCE)
        book = TrackBook(shelf, lambda: self._latest, self._names)
        self.releasing: Releasing | None = None
        if settings.privacy_mode == "enforced":
            releases = Shelf()
            log = KafkaReleaseLog(settings, releases.put, releases.withdraw)
            self.releasing = Releasing(settings, self.cells, book, log, releases, observer)
        self.erasures = self._erasures()
        self.sources = Sources(
            {name: self._source(name, book) for name in self.cells},
            book,
            SimilarIndex(shelf),
            self.releasing,
        )

    def _erasures(self) -> ErasureRegister:
        settings, topics = self._settings, self._topics
        file = settings.erasure_key_file
        return ErasureRegister(
            ErasureLog(settings),
            [cells.data_set for cells in self.cells.values()],
            None if file is None else SigningKey.load(file),
            topics,
            lambda: tombstones_kept_ms(settings, [topics.listens(name) for name in self.cells]),
        )

    def _source(self, name: str, book: TrackBook) -> Source:
        cells, settings = self.cells[name], self._settings
        gate: Gate = PersonalGate(cells, book)
        if self.releasing is not None:
            gate = self.releasing.gates[name]
        windows = Windows(cells, gate, settings.query_window_error, settings.query_window_series)
        return Source(cells, gate, windows)

    def _partitions(self) -> list[tuple[str, int]]:
        return [
            (topic, shard)
            for topic, cells in self._by_topic.items()
            for shard in range(cells.data_set.shards)
        ]

    def catch_up(self) -> None:
        """Read to the ends that were looked up when this was made.

        Raises:
            LogError: no progress for a minute, or records that vanished.
        """
        began = time.monotonic()
        # First of all: what unpacking takes for a while is then free for the cells.
        self.sources.book.catalogue_of(self._latest)
        for record in self._names_reader.to_end():
            self._names.apply(record.key, record.value)
        read = 0
        for record in self._reader.to_end():
            self._apply(record)
            read += 1
        for cells in self.cells.values():
            cells.update()
            cells.skim_before_ms = 0
            self._read_again(cells)
        if self.releasing is not None:
            self.releasing.catch_up()
            self.releasing.withdraw(self.erasures.touched)
            while self.releasing.follow():
                pass
        give_memory_back()
        get_logger().info(
            "caught up with the log",
            records=read,
            names=len(self._names),
            slices={name: len(cells.starts) for name, cells in self.cells.items()},
            seconds=round(time.monotonic() - began, 3),
        )

    def follow(self, stop: threading.Event) -> None:
        """Follow the log until told to stop.

        Raises:
            LogError: the log can't be read on.
        """
        refreshed = time.monotonic()
        while not stop.is_set():
            records = list(self._reader.poll(timeout=_POLL_SECONDS))
            for told in self._names_reader.poll(timeout=0.0):
                self._names.apply(told.key, told.value)
            if time.monotonic() - refreshed > _REFRESH_SECONDS:
                refreshed = time.monotonic()
                if self._registry.refresh():
                    self._read_registry()
                    if self.releasing is not None:
                        self.releasing.allow()
                for topic, held in self._by_topic.items():
                    self._places[topic].forget(held.starts)
            if records:
                self._take(records)
            elif self._settle():
                give_memory_back()
            if self.erasures.follow():
                self._on_change()
            if self.releasing is not None:
                self._tell(self.releasing.follow())
                self.releasing.withdraw(self.erasures.touched)
            for name, cells in self.cells.items():
                if cells.stale:
                    get_logger().info(
                        "reading slices again", data_set=name, slices=len(cells.stale)
                    )
                    self._read_again(cells)

    def _settle(self) -> bool:
        return sum(cells.settle_one() for cells in self.cells.values()) > 0

    def _take(self, records: list[Record]) -> None:
        for record in records:
            self._apply(record)
        touched = {record.topic for record in records}
        read = [cells for topic, cells in self._by_topic.items() if topic in touched]
        advanced = {cells.data_set.name for cells in read if cells.update()}
        if self.releasing is not None:
            advanced -= self.releasing.on_the_clock
        self._tell(advanced)

    def _tell(self, advanced: set[str]) -> None:
        """More can be asked about some data sets."""
        if advanced:
            self._on_change()
            for name in advanced:
                self.sources.by_name[name].windows.keep_up()

    def _apply(self, record: Record) -> None:
        self._places[record.topic].note(record)
        self._by_topic[record.topic].apply(record.partition, record.key, record.value)

    def _terms(self, name: str) -> TermsTimeline:
        return self._timelines[name]

    def _read_registry(self) -> None:
        names = self._registry.data_sets
        self._timelines = {name: self._registry.terms(name) for name in names}
        newest = [list(timeline)[-1:] for timeline in self._timelines.values()]
        versions = {terms.data_set: terms.catalogue_version for each in newest for terms in each}
        self._latest = versions.get("live") or next(filter(None, versions.values()), "")

    def _read_again(self, cells: HeldCells) -> None:
        """Merge stale slices from the log, a few at a time."""
        places = self._places[self._topics.cells(cells.data_set.name)]
        for start_ms, contents in places.read(self._settings, cells.stale):
            cells.replace(start_ms, contents)
            give_memory_back()

    @property
    def lag(self) -> int:
        """How many offsets were still to be read at start; 0 once it is caught up."""
        positions, ends = self._reader.positions, self._reader.ends
        return sum(max(0, end - positions[pair]) for pair, end in ends.items())

    @property
    def names(self) -> int:
        """How many tracks have names of their own."""
        return len(self._names)

    def close(self) -> None:
        """Let go of the connections."""
        self._reader.close()
        self._names_reader.close()
        self._registry.close()
        self.erasures.close()
        if self.releasing is not None:
            self.releasing.close()
