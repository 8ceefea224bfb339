"""The gate that protects: every figure is a sum of releases, charged before they were drawn."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import ClassVar, Literal

import grpc
import numpy as np

from sottovoce.ledger import RealRow
from sottovoce.privacy import Margin, Noise, half_width, synthesize
from sottovoce.sketches import Estimate, FlajoletMartin
from sottovoce.sketches.occupancy import estimate_from_occupancy
from sottovoce.wire.countries import COUNTRY_CODES
from sottovoce.wire.listens import country_name
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import QuestionError, bad_question
from sottovoce_query.figures import CONFIDENCE, SURELY, Figures, noisy_count
from sottovoce_query.gate import Mark, Sample, SampledRow, Series, Steps
from sottovoce_query.held import HeldCells
from sottovoce_query.ranges import Range
from sottovoce_query.refusals import as_question_errors
from sottovoce_query.released import OF_SLICES, Released, noise_of, together
from sottovoce_query.released_series import released_series
from sottovoce_query.releases import statistic as statistics
from sottovoce_query.releases.correlation import correlations
from sottovoce_query.releases.desk import Desk
from sottovoce_query.releases.features import LENGTH, UNIT
from sottovoce_query.releases.statistic import Statistic
from sottovoce_query.sums import KeyedSum
from sottovoce_query.tracks import TrackBook
from sottovoce_query.versions import versions_within


class EnforcedGate:
    """Answers from releases; has those made that a question needs.

    **Guarantee:** (epsilon, delta)-DP for each slice of a listener, as the ledger accounts for it;
    what is done here to releases is post-processing. An interval holds the true figure with the
    confidence that it names, noise and sketch error together.

    Args:
        cells: tells the grid and the terms.
        desk: finds releases.
        book: what tracks mean.
        through: how far standing releases were made.
        floor: the first slice that can be asked about.
        real_rows_k: how many listeners must share a real row; 0: none are shown.
    """

    mode: ClassVar[query_pb2.PrivacyMode.ValueType] = query_pb2.PRIVACY_MODE_ENFORCED
    notice: ClassVar[str] = ""

    def __init__(
        self,
        cells: HeldCells,
        desk: Desk,
        book: TrackBook,
        through: Callable[[], int],
        floor: Callable[[], int],
        real_rows_k: int = 0,
    ) -> None:
        self._cells = cells
        self._desk = desk
        self._released = Released(desk, book)
        self._book = book
        self._through = through
        self._floor = floor
        self._real_rows_k = real_rows_k

    @property
    def complete_through_ms(self) -> int:
        """Questions may reach until here: everything standing is released."""
        return self._through()

    @property
    def floor_ms(self) -> int:
        """Questions may not reach back before this."""
        return self._floor()

    @property
    def ranking_ms(self) -> int:
        """The grain of figures about tracks and artists."""
        return self._released.ranking_ms

    @property
    def revision(self) -> int:
        """Grows when old releases are thinned; what the cells hold changes no release."""
        return self._desk.revision

    def versions(self, asked: Range) -> list[str]:
        """Return the catalogue versions behind a range."""
        return versions_within(self._cells.terms, asked)

    def plays(self, asked: Range, confidence: float = CONFIDENCE) -> Estimate:
        """Add up the released plays of all genres."""
        steps = self.series(asked, Series("all"), "step")
        return noisy_count(int(steps.counts.sum()), together(steps.noises), confidence)

    def genres(self, asked: Range) -> Figures[np.str_]:
        """Add up the released plays of each genre."""
        sums: Counter[str] = Counter()
        noises: Counter[Noise] = Counter()
        self._released.prepare(statistics.GENRES, asked)
        for part in self._released.parts(asked):
            rows, release = self._released.panes(statistics.GENRES, part)
            for name, count in zip(
                self._released.genre_names(release), rows.sum(axis=0), strict=True
            ):
                sums[name] += int(count)
            noises.update(noise_of(release, len(rows)))
        every = sorted(sums)
        counts = np.array([sums[name] for name in every], np.int64)
        return Figures(np.array(every, np.str_), counts, dict(noises))

    def countries(self, asked: Range) -> Figures[np.uint32]:
        """Add up the released plays of each country."""
        counts = np.zeros(len(COUNTRY_CODES), np.int64)
        noises: Counter[Noise] = Counter()
        self._released.prepare(statistics.COUNTRIES, asked)
        for part in self._released.parts(asked):
            rows, release = self._released.panes(statistics.COUNTRIES, part)
            counts += rows.sum(axis=0)
            noises.update(noise_of(release, len(rows)))
        return Figures(COUNTRY_CODES, counts, dict(noises))

    def tracks(self, asked: Range, mark: Mark) -> Figures[np.uint64]:
        """Add up released counts by track; whole slices by their own release."""
        return self._ranked(asked, mark, artists=False)

    def artists(self, asked: Range, mark: Mark) -> Figures[np.uint64]:
        """Add up released counts by artist."""
        return self._ranked(asked, mark, artists=True)

    def _ranked(self, asked: Range, mark: Mark, *, artists: bool) -> Figures[np.uint64]:
        total = KeyedSum()
        domains = {}
        self._released.prepare(OF_SLICES[mark, artists], asked)
        for part in self._released.parts(asked):
            for release in self._released.ranked(part, mark, artists=artists):
                catalogue = self._book.catalogue_of(release.body.catalogue_version)
                keys = catalogue.artist_keys if artists else catalogue.keys
                domains[release.body.catalogue_version] = keys
                total.add(release, len(keys))
        return total.figures(domains)

    def played(self, asked: Range) -> Figures[np.uint64]:
        """Return the tracks whose released count noise alone hardly reaches."""
        figures = self.tracks(asked, "plays")
        return figures.above(half_width(figures.noises, SURELY))

    def distinct_listeners(self, asked: Range) -> Estimate:
        """Of one slice: its new listeners, pane by pane. Of more: a sketch of their union."""
        slices = self._released.slices(asked)
        if len(slices) == 1:
            steps = self.series(asked, Series("new_listeners"), "slice")
            return noisy_count(int(steps.counts[0]), steps.noises[0])
        release = self._released.union(statistics.LISTENERS_OF_A_UNION, slices)
        variance = 0.0 if release.noise is None else release.noise.variance
        buckets = FlajoletMartin().buckets
        return estimate_from_occupancy(release.body.values, buckets, variance, CONFIDENCE)

    def distinct_tracks(self, asked: Range) -> Estimate:
        """One exact number and its noise."""
        return self._distinct(asked, statistics.DISTINCT_TRACKS, statistics.TRACKS_OF_A_UNION)

    def distinct_artists(self, asked: Range) -> Estimate:
        """One exact number and its noise."""
        return self._distinct(asked, statistics.DISTINCT_ARTISTS, statistics.ARTISTS_OF_A_UNION)

    def correlations(self, asked: Range) -> tuple[list[Estimate], Estimate]:
        """Work correlations out from released moments."""
        moments = np.zeros(LENGTH)
        noises: Counter[Noise] = Counter()
        self._released.prepare(statistics.FEATURES, asked)
        for part in self._released.parts(asked):
            release = self._released.of_slice(statistics.FEATURES, part.slice_ms)
            moments += release.body.values
            noises.update(noise_of(release, 1))
        variance = sum(noise.variance * times for noise, times in noises.items())
        plays = half_width(noises, CONFIDENCE) / UNIT if noises else 0.0
        count = moments[0] / UNIT
        return (
            correlations(moments, variance, CONFIDENCE),
            Estimate(max(0.0, count), max(0.0, count - plays), max(0.0, count + plays)),
        )

    def sample(self, asked: Range, size: int, kind: query_pb2.SampleKind.ValueType) -> Sample:
        """Return made-up listens, or real rows where an operator allows them."""
        if kind == query_pb2.SAMPLE_KIND_REAL:
            return self._real_rows(asked, size)
        if kind == query_pb2.SAMPLE_KIND_OWN:
            raise bad_question("kind", "one's own listens are shown in personal mode only")
        return Sample(self._made_up(asked, size), query_pb2.SAMPLE_KIND_SYNTHETIC)

    def _real_rows(self, asked: Range, size: int) -> Sample:
        k = self._real_rows_k
        if not k:
            raise QuestionError(
                grpc.StatusCode.FAILED_PRECONDITION,
                "REAL_ROWS_OFF",
                "real rows are not shown here: an operator would have to allow them "
                "(privacy_real_rows), at a price that no budget counts; ask for SYNTHETIC",
            )
        rows: list[RealRow] = []
        withdrawn = 0
        with as_question_errors(self._cells.data_set, "real rows"):
            for part in self._released.parts(asked):
                found = self._desk.rows(part.slice_ms, k)
                withdrawn += found is None
                rows += found or ()
        versions = tuple(self.versions(asked))
        notice = (
            f"Real rows: each is shared by {k} listeners or more in track, genre, country and "
            "hour. This is k-anonymity, not differential privacy, and outside the budget."
        )
        if withdrawn:
            notice += f" Those of {withdrawn} slices were withdrawn for an erasure."
        shown = [
            SampledRow(row.track_key, versions, row.hour_ms, row.country, features=row.features)
            for row in rows[:size]
        ]
        return Sample(shown, query_pb2.SAMPLE_KIND_REAL, notice)

    def _made_up(self, asked: Range, size: int) -> list[SampledRow]:
        """Draw made-up listens from released histograms: the same ones for the same question."""
        tracks = self.tracks(asked, "plays")
        # Of the many that nobody played noise would make a crowd.
        tracks = tracks.above(half_width(tracks.noises, SURELY))
        countries = self.countries(asked)
        countries = countries.above(half_width(countries.noises, SURELY))
        steps = self.series(asked, Series("all"), "step")
        versions = tuple(self.versions(asked))
        seed = hashlib.sha256(f"{self._cells.data_set.name} {asked} {size}".encode())
        seed.update(tracks.counts.tobytes() + countries.counts.tobytes() + steps.counts.tobytes())
        made = synthesize(
            size,
            Margin(tracks.names, tracks.counts),
            Margin(countries.names, countries.counts),
            Margin(steps.starts_ms, steps.counts),
            np.random.default_rng(np.frombuffer(seed.digest(), np.uint32)),
        )
        return [
            SampledRow(int(track), versions, int(pane), country_name(int(code)) if code else "")
            for track, code, pane in zip(made.tracks, made.countries, made.panes, strict=True)
        ]

    def series(self, asked: Range, series: Series, grain: Literal["step", "slice"]) -> Steps:
        """Return a released series, every step of it."""
        return released_series(self._released, asked, series, grain)

    def _distinct(self, asked: Range, of_one: Statistic, of_union: Statistic) -> Estimate:
        slices = self._released.slices(asked)
        if len(slices) == 1:
            release = self._released.of_slice(of_one, slices[0])
        else:
            release = self._released.union(of_union, slices)
        return noisy_count(int(release.body.values[0]), noise_of(release))
