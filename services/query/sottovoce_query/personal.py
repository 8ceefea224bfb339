"""The gate of one's own history on one's own machine: exact, and for one listener alone."""

from __future__ import annotations

import threading
from typing import ClassVar, Final, Literal

import grpc
import numpy as np

from sottovoce.catalogue import FEATURES
from sottovoce.cells import SAMPLED_DTYPE
from sottovoce.sketches import Estimate, FlajoletMartin
from sottovoce.wire.listens import (
    COUNTRY_KNOWN,
    MS_PLAYED_KNOWN,
    SKIPPED,
    SKIPPED_KNOWN,
    country_name,
)
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import QuestionError, bad_question
from sottovoce_query.figures import CONFIDENCE, Figures
from sottovoce_query.gate import Mark, Sample, SampledRow, Series, Steps
from sottovoce_query.held import HeldCells
from sottovoce_query.merged_slice import canonical_keys
from sottovoce_query.ranges import Range
from sottovoce_query.statistics import Statistics
from sottovoce_query.tracks import TrackBook
from sottovoce_query.versions import versions_within

NOTICE: Final = (
    "Privacy mode is personal: these figures are exact and one person's own; they protect nobody."
)


class PersonalGate:
    """Lets everything through as it is, as long as a data set has one listener.

    **Guarantee:** none to anybody but this: where a second listener is in any cell held of the data
    set, every question is refused. Two listeners go unnoticed where their hashes set one bit of the
    sketch, which happens with probability 2 / (3 buckets), one in 24,576.

    Args:
        cells: what is held.
        book: what tracks mean.
    """

    mode: ClassVar[query_pb2.PrivacyMode.ValueType] = query_pb2.PRIVACY_MODE_PERSONAL
    notice: ClassVar[str] = NOTICE

    def __init__(self, cells: HeldCells, book: TrackBook) -> None:
        self._cells = cells
        self._book = book
        self._statistics = Statistics(cells, book)
        self._lock = threading.Lock()
        self._looked_at: tuple[int, int, int] | None = None

    @property
    def complete_through_ms(self) -> int:
        """Questions may reach until here."""
        return self._cells.complete_through_ms

    @property
    def floor_ms(self) -> int:
        """Questions may not reach back before this."""
        return self._cells.floor_ms

    @property
    def ranking_ms(self) -> int:
        """The grain of figures about tracks and artists: that of panes."""
        return self._cells.data_set.pane_ms

    @property
    def revision(self) -> int:
        """Grows when a cell that was complete changed."""
        return self._cells.settled

    @property
    def _exact(self) -> Statistics:
        """The figures, once it is known that they are one person's."""
        cells = self._cells
        state = (cells.settled, len(cells.starts), cells.complete_through_ms)
        with self._lock:
            if self._looked_at != state:
                everybody = FlajoletMartin()
                for start_ms in cells.starts:
                    merged = cells.slice(start_ms)
                    if merged is not None:
                        everybody.merge(merged.listeners)
                if everybody.occupancy().sum() > 1:
                    raise QuestionError(
                        grpc.StatusCode.FAILED_PRECONDITION,
                        "NOT_PERSONAL",
                        f"{cells.data_set.name} has more than one listener, and the privacy mode "
                        "personal answers about one person's own listens only: use the mode "
                        "enforced",
                    )
                self._looked_at = state
        return self._statistics

    def versions(self, asked: Range) -> list[str]:
        """Return the catalogue versions behind a range."""
        return versions_within(self._cells.terms, asked)

    def plays(self, asked: Range, confidence: float = CONFIDENCE) -> Estimate:
        """Return all plays."""
        del confidence
        return Estimate.exact(self._exact.plays(asked))

    def tracks(self, asked: Range, mark: Mark) -> Figures[np.uint64]:
        """Return counts by track."""
        return self._exact.tracks(asked, mark)

    def artists(self, asked: Range, mark: Mark) -> Figures[np.uint64]:
        """Return counts by artist."""
        return self._exact.artists(asked, mark)

    def played(self, asked: Range) -> Figures[np.uint64]:
        """Return every track that was played."""
        return self._exact.tracks(asked, "plays")

    def genres(self, asked: Range) -> Figures[np.str_]:
        """Return plays by genre."""
        counts = self._exact.genres(asked)
        names = sorted(counts)
        return Figures(
            np.array(names, np.str_), np.array([counts[name] for name in names], np.int64)
        )

    def countries(self, asked: Range) -> Figures[np.uint32]:
        """Return plays by country."""
        return self._exact.countries(asked)

    def distinct_listeners(self, asked: Range) -> Estimate:
        """Return 1 where anything was played, else 0."""
        return self._exact.listeners(asked).estimate(CONFIDENCE)

    def distinct_tracks(self, asked: Range) -> Estimate:
        """Return how many tracks were played."""
        return Estimate.exact(len(self._exact.tracks(asked)))

    def distinct_artists(self, asked: Range) -> Estimate:
        """Return how many artists were played."""
        return Estimate.exact(len(self._exact.artists(asked)))

    def correlations(self, asked: Range) -> tuple[list[Estimate], Estimate]:
        """Return the correlations with Fisher's bounds."""
        moments = self._exact.moments(asked)
        size = len(FEATURES)
        pairs = [
            moments.estimate(first, second, CONFIDENCE)
            for first in range(size)
            for second in range(size)
        ]
        return pairs, Estimate.exact(moments.count)

    def sample(self, asked: Range, size: int, kind: query_pb2.SampleKind.ValueType) -> Sample:
        """Return listens, every set of so many equally likely."""
        own = query_pb2.SAMPLE_KIND_OWN
        if kind not in (query_pb2.SAMPLE_KIND_UNSPECIFIED, own):
            raise bad_question("kind", "in personal mode a sample is of one's own listens: OWN")
        payloads = self._exact.sample(asked).payloads[:size]
        versions = self.versions(asked)
        rows = np.frombuffer(b"".join(payloads), SAMPLED_DTYPE)
        return Sample([self._row(row, versions) for row in rows], own)

    def _row(self, row: np.void, versions: list[str]) -> SampledRow:
        time_ms, flags = int(row["end_time_ms"]), int(row["flags"])
        version = self._cells.catalogue_version(time_ms)
        own = np.array([row["track_low"]], np.uint64)
        known = flags & COUNTRY_KNOWN and row["country"]
        return SampledRow(
            track_key=int(canonical_keys(own, self._book.catalogue_of(version))[0]),
            versions=(version, *versions),
            time_ms=time_ms,
            country=country_name(int(row["country"])) if known else "",
            played_ms=int(row["ms_played"]) if flags & MS_PLAYED_KNOWN else None,
            skipped=bool(flags & SKIPPED) if flags & SKIPPED_KNOWN else None,
        )

    def series(self, asked: Range, series: Series, grain: Literal["step", "slice"]) -> Steps:
        """Return a series where it is not 0."""
        starts, counts = self._exact.panes(asked, series)
        if grain == "slice":
            slices = starts - starts % self._cells.data_set.slice_ms
            starts, places = np.unique(slices, return_inverse=True)
            sums = np.zeros(len(starts), np.int64)
            np.add.at(sums, places, counts)
            counts = sums
        return Steps(starts, counts, [{}] * len(starts), np.zeros(len(starts), np.int64))
