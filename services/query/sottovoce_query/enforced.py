"""The gate that protects: every figure is a sum of releases, charged before they were drawn."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import grpc
import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import UNKNOWN
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.ledger import RealRow
from sottovoce.privacy import Margin, Noise, half_width, synthesize
from sottovoce.sketches import Estimate, FlajoletMartin
from sottovoce.sketches.occupancy import estimate_from_occupancy
from sottovoce.wire.countries import COUNTRY_CODES, country_places
from sottovoce.wire.listens import country_name
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import QuestionError, bad_question, not_found
from sottovoce_query.figures import CONFIDENCE, SURELY, Figures, Noises, noisy_count
from sottovoce_query.gate import Mark, Sample, SampledRow, Series, Steps
from sottovoce_query.held import HeldCells
from sottovoce_query.ranges import Range
from sottovoce_query.refusals import as_question_errors
from sottovoce_query.releases import statistic as statistics
from sottovoce_query.releases.correlation import correlations
from sottovoce_query.releases.desk import Desk
from sottovoce_query.releases.features import LENGTH, UNIT
from sottovoce_query.releases.shelf import Release
from sottovoce_query.releases.statistic import Statistic
from sottovoce_query.sums import KeyedSum, value_at
from sottovoce_query.tracks import UNKNOWN_GENRE, TrackBook
from sottovoce_query.versions import versions_within

_OF_SLICES: Final[dict[tuple[Mark, bool], Statistic]] = {
    ("plays", False): statistics.TRACKS,
    ("plays", True): statistics.ARTISTS,
    ("firsts_of_track", False): statistics.TRACKS_BY_LISTENERS,
    ("firsts_of_artist", True): statistics.ARTISTS_BY_LISTENERS,
}
"""By what is counted, and whether by artist: the release of a whole slice."""


def _of_series(series: Series) -> Statistic:
    """What a series is drawn from in whole slices."""
    match series.kind:
        case "new_listeners":
            return statistics.NEW_LISTENERS
        case "country":
            return statistics.COUNTRIES
        case "track":
            return statistics.TRACKS
        case "artist":
            return statistics.ARTISTS
        case _:
            return statistics.GENRES


@dataclass(frozen=True, slots=True)
class _Part:
    """Panes [first, stop) of one slice."""

    slice_ms: int
    first: int
    stop: int
    whole: bool


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
        return self._desk.ranking_panes * self._cells.data_set.pane_ms

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
        return noisy_count(int(steps.counts.sum()), _together(steps.noises), confidence)

    def genres(self, asked: Range) -> Figures[np.str_]:
        """Add up the released plays of each genre."""
        sums: Counter[str] = Counter()
        noises: Counter[Noise] = Counter()
        self._prepare(statistics.GENRES, asked)
        for part in self._parts(asked):
            rows, release = self._panes(statistics.GENRES, part)
            for name, count in zip(self._genre_names(release), rows.sum(axis=0), strict=True):
                sums[name] += int(count)
            _count_noise(noises, release, len(rows))
        names = sorted(sums)
        counts = np.array([sums[name] for name in names], np.int64)
        return Figures(np.array(names, np.str_), counts, dict(noises))

    def countries(self, asked: Range) -> Figures[np.uint32]:
        """Add up the released plays of each country."""
        counts = np.zeros(len(COUNTRY_CODES), np.int64)
        noises: Counter[Noise] = Counter()
        self._prepare(statistics.COUNTRIES, asked)
        for part in self._parts(asked):
            rows, release = self._panes(statistics.COUNTRIES, part)
            counts += rows.sum(axis=0)
            _count_noise(noises, release, len(rows))
        return Figures(COUNTRY_CODES, counts, dict(noises))

    def tracks(self, asked: Range, mark: Mark) -> Figures[np.uint64]:
        """Add up released counts by track; whole slices by their own release."""
        total = KeyedSum()
        domains = {}
        self._prepare(_OF_SLICES[mark, False], asked)
        for part in self._parts(asked):
            for release in self._ranked(part, mark, artists=False):
                catalogue = self._book.catalogue_of(release.body.catalogue_version)
                domains[release.body.catalogue_version] = catalogue.keys
                total.add(release, len(catalogue))
        return total.figures(domains)

    def artists(self, asked: Range, mark: Mark) -> Figures[np.uint64]:
        """Add up released counts by artist."""
        total = KeyedSum()
        domains = {}
        self._prepare(_OF_SLICES[mark, True], asked)
        for part in self._parts(asked):
            for release in self._ranked(part, mark, artists=True):
                keys = self._book.catalogue_of(release.body.catalogue_version).artist_keys
                domains[release.body.catalogue_version] = keys
                total.add(release, len(keys))
        return total.figures(domains)

    def played(self, asked: Range) -> Figures[np.uint64]:
        """Return the tracks whose released count noise alone hardly reaches."""
        figures = self.tracks(asked, "plays")
        return figures.above(half_width(figures.noises, SURELY))

    def distinct_listeners(self, asked: Range) -> Estimate:
        """Of one slice: its new listeners, pane by pane. Of more: a sketch of their union."""
        slices = self._slices(asked)
        if len(slices) == 1:
            steps = self.series(asked, Series("new_listeners"), "slice")
            return noisy_count(int(steps.counts[0]), steps.noises[0])
        release = self._union(statistics.LISTENERS_OF_A_UNION, slices)
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
        self._prepare(statistics.FEATURES, asked)
        for part in self._parts(asked):
            (release,) = self._draws(statistics.FEATURES, part.slice_ms, [None])
            moments += release.body.values
            _count_noise(noises, release, 1)
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
            for part in self._parts(asked):
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
        starts: list[int] = []
        counts: list[int] = []
        noises: list[Noises] = []
        missing: list[int] = []
        self._prepare(_of_series(series), asked)
        for part in self._parts(asked):
            found = self._ranked_steps if series.is_ranked else self._pane_steps
            for start_ms, count, noise, more in found(part, series, grain):
                starts.append(start_ms)
                counts.append(count)
                noises.append(noise)
                missing.append(more)
        return Steps(
            np.array(starts, np.int64),
            np.array(counts, np.int64),
            noises,
            np.array(missing, np.int64),
        )

    def _pane_steps(
        self, part: _Part, series: Series, grain: Literal["step", "slice"]
    ) -> Iterator[tuple[int, int, Noises, int]]:
        rows, release = self._panes(_of_series(series), part)
        if series.kind == "country":
            places = np.unique(country_places(np.array(series.keys, np.uint32)))
            rows = rows[:, places]
        elif series.kind == "genre":
            rows = rows[:, [name == series.name for name in self._genre_names(release)]]
        counts = rows.sum(axis=1, dtype=np.int64)
        width, pane_ms = rows.shape[1], self._cells.data_set.pane_ms
        if grain == "slice":
            yield part.slice_ms, int(counts.sum()), _noise(release, width * len(rows)), 0
            return
        noise = _noise(release, width)
        for place, count in enumerate(counts.tolist()):
            yield part.slice_ms + (part.first + place) * pane_ms, count, noise, 0

    def _ranked_steps(
        self, part: _Part, series: Series, grain: Literal["step", "slice"]
    ) -> Iterator[tuple[int, int, Noises, int]]:
        artists = series.kind == "artist"
        if grain == "slice":
            releases = self._ranked(part, "plays", artists)
        else:
            releases = self._ranked_live(part, artists)
        first_ms = part.slice_ms + part.first * self._cells.data_set.pane_ms
        found = [self._of_keys(release, series, artists) for release in releases]
        if grain == "slice":
            noises: Counter[Noise] = Counter()
            for release, (_, width, _) in zip(releases, found, strict=True):
                _count_noise(noises, release, width)
            counts, missing = (sum(each[place] for each in found) for place in (0, 2))
            yield first_ms, counts, dict(noises), missing
            return
        for number, (release, (count, width, more)) in enumerate(zip(releases, found, strict=True)):
            yield first_ms + number * self.ranking_ms, count, _noise(release, width), more

    def _of_keys(self, release: Release, series: Series, artists: bool) -> tuple[int, int, int]:
        """A release's value of a track or an artist: sum, number of summands, what may be missing.

        Only what the public catalogue has can be a series: whether anybody played another track is
        not told.
        """
        catalogue = self._book.catalogue_of(release.body.catalogue_version)
        keys = np.array(series.keys, np.uint64)
        if artists:
            domain = catalogue.artist_keys
            places = np.flatnonzero(np.isin(domain, keys))
        else:
            rows = catalogue.rows(keys)
            places = np.unique(rows[rows != UNKNOWN])
        if not len(places):
            raise not_found(
                "NOT_IN_CATALOGUE",
                f"only {series.kind}s of the catalogue have series: this one is not in it",
            )
        return value_at(release.body, places)

    def _distinct(self, asked: Range, of_one: Statistic, of_union: Statistic) -> Estimate:
        slices = self._slices(asked)
        if len(slices) == 1:
            (release,) = self._draws(of_one, slices[0], [None])
        else:
            release = self._union(of_union, slices)
        return noisy_count(int(release.body.values[0]), _noise(release, 1))

    def _parts(self, asked: Range) -> Iterator[_Part]:
        """Yield every slice of a range, whether anybody listened in it or not."""
        data_set = self._cells.data_set
        panes = data_set.panes_per_slice
        for slice_ms in range(data_set.slice_of(asked.start_ms), asked.end_ms, data_set.slice_ms):
            first = max(0, (asked.start_ms - slice_ms) // data_set.pane_ms)
            stop = min(panes, (asked.end_ms - slice_ms) // data_set.pane_ms)
            yield _Part(slice_ms, first, stop, stop - first == panes)

    def _prepare(self, statistic: Statistic, asked: Range) -> None:
        """Have all slices of a sealed range released together, where they are not yet."""
        if not self._cells.data_set.by_append_time:
            with as_question_errors(self._cells.data_set, statistic.name):
                self._desk.releases((statistic, each, None) for each in self._slices(asked))

    def _slices(self, asked: Range) -> tuple[int, ...]:
        return tuple(part.slice_ms for part in self._parts(asked))

    def _panes(self, statistic: Statistic, part: _Part) -> tuple[npt.NDArray[np.int64], Release]:
        with as_question_errors(self._cells.data_set, statistic.name):
            return self._desk.panes(statistic, part.slice_ms, part.first, part.stop)

    def _draws(
        self, statistic: Statistic, slice_ms: int, numbers: list[int | None]
    ) -> list[Release]:
        with as_question_errors(self._cells.data_set, statistic.name):
            return self._desk.draws(statistic, slice_ms, numbers)

    def _ranked(self, part: _Part, mark: Mark, artists: bool) -> list[Release]:
        if part.whole:
            return self._draws(_OF_SLICES[mark, artists], part.slice_ms, [None])
        return self._ranked_live(part, artists)

    def _ranked_live(self, part: _Part, artists: bool) -> list[Release]:
        if not self._cells.data_set.by_append_time:
            statistic = statistics.ARTISTS if artists else statistics.TRACKS
            return self._draws(statistic, part.slice_ms, [None])
        statistic = statistics.ARTISTS_LIVE if artists else statistics.TRACKS_LIVE
        step = self._desk.ranking_panes
        return self._draws(
            statistic, part.slice_ms, list(range(part.first // step, part.stop // step))
        )

    def _union(self, statistic: Statistic, slices: tuple[int, ...]) -> Release:
        data_set = self._cells.data_set
        is_day = slices[0] % DAY_MS == 0 and len(slices) * data_set.slice_ms == DAY_MS
        standing = statistics.LISTENERS_OF_A_DAY
        with as_question_errors(data_set, statistic.name):
            if (
                is_day
                and statistic is statistics.LISTENERS_OF_A_UNION
                and self._desk.standing(standing, slices[0])
                and self._desk.holds(standing, slices[0], None)
            ):
                return self._desk.draws(standing, slices[0], [None])[0]
            return self._desk.of_union(statistic, slices)

    def _genre_names(self, release: Release) -> list[str]:
        catalogue = self._book.catalogue_of(release.body.catalogue_version)
        return [*catalogue.genres, UNKNOWN_GENRE]


def _noise(release: Release, times: int) -> Noises:
    return {} if release.noise is None else {release.noise: times}


def _count_noise(noises: Counter[Noise], release: Release, times: int) -> None:
    if release.noise is not None:
        noises[release.noise] += times


def _together(every: Iterable[Noises]) -> Noises:
    total: Counter[Noise] = Counter()
    for noises in every:
        total.update(noises)
    return dict(total)
