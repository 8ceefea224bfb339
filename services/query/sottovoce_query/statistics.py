"""Every statistic over a range, exactly, from the cells that are held."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import FEATURES, NO_ARTIST, UNKNOWN
from sottovoce.cells import SAMPLE_SIZE
from sottovoce.sketches import BottomKSample, FlajoletMartin, Moments
from sottovoce_query.figures import Figures, sum_by_name
from sottovoce_query.gate import Mark, Series
from sottovoce_query.held import HeldCells
from sottovoce_query.merged_slice import Counts, Keys, MergedSlice
from sottovoce_query.ranges import Range, spans
from sottovoce_query.tracks import TrackBook

_FEW_TRACKS: Final = 64


class Statistics:
    """Exact figures of one data set.

    Args:
        cells: what is held.
        book: joins tracks with what they mean.
    """

    def __init__(self, cells: HeldCells, book: TrackBook) -> None:
        self._cells = cells
        self._book = book

    def by_track(self, asked: Range, mark: Mark = "plays") -> dict[str, Figures[np.uint64]]:
        """Return counts by track key, apart for each catalogue version; none is 0."""
        parts: dict[str, list[tuple[Keys, Counts]]] = {}
        for span in spans(asked, self._cells):
            if span.whole or mark != "plays":
                counts = getattr(span.slice, mark).unpack()
            else:
                counts = span.slice.tracks.sums(span.first_pane, span.stop_pane)
            some = counts > 0
            parts.setdefault(span.slice.catalogue_version, []).append(
                (span.slice.tracks.keys[some], counts[some])
            )
        return {version: sum_by_name(each, np.uint64) for version, each in parts.items()}

    def tracks(self, asked: Range, mark: Mark = "plays") -> Figures[np.uint64]:
        """Return counts by track key; none is 0."""
        every = list(self.by_track(asked, mark).values())
        if len(every) == 1:
            return every[0]
        return sum_by_name([(each.names, each.counts) for each in every], np.uint64)

    def artists(self, asked: Range, mark: Mark = "plays") -> Figures[np.uint64]:
        """Return counts by artist key; plays whose artist nobody knows are left out."""
        parts = []
        for version, figures in self.by_track(asked, mark).items():
            artists = self._book.artists_of(figures.names, version)
            known = artists != NO_ARTIST
            parts.append((artists[known], figures.counts[known]))
        return sum_by_name(parts, np.uint64)

    def genres(self, asked: Range) -> dict[str, int]:
        """Return plays by primary genre; a listen counts once."""
        total: dict[str, int] = {}
        for version, figures in self.by_track(asked).items():
            places, names = self._book.genres_of(figures.names, version)
            sums = np.zeros(len(names), np.int64)
            np.add.at(sums, places, figures.counts)
            for name, count in zip(names, sums.tolist(), strict=True):
                if count:
                    total[name] = total.get(name, 0) + count
        return total

    def countries(self, asked: Range) -> Figures[np.uint32]:
        """Return plays by country code, 0 where it is unknown."""
        parts = [
            (
                span.slice.countries,
                span.slice.country_plays[:, span.first_pane : span.stop_pane].sum(
                    axis=1, dtype=np.int64
                ),
            )
            for span in spans(asked, self._cells)
        ]
        return sum_by_name(parts, np.uint32)

    def plays(self, asked: Range) -> int:
        """Return all plays."""
        return sum(
            int(span.slice.pane_plays[span.first_pane : span.stop_pane].sum())
            for span in spans(asked, self._cells)
        )

    def listeners(self, asked: Range) -> FlajoletMartin:
        """Return the sketch of distinct listeners over whole slices."""
        union = FlajoletMartin()
        for span in spans(asked, self._cells):
            union.merge(span.slice.listeners)
        return union

    def sample(self, asked: Range) -> BottomKSample:
        """Return a uniform sample of the listens of whole slices."""
        union = BottomKSample(SAMPLE_SIZE)
        for span in spans(asked, self._cells):
            union.merge(span.slice.sample)
        return union

    def moments(self, asked: Range) -> Moments:
        """Return moments of the audio features of what was played, where all are known."""
        moments = Moments(len(FEATURES))
        for version, figures in self.by_track(asked).items():
            catalogue = self._book.catalogue_of(version)
            rows = catalogue.rows(figures.names)
            known = rows != UNKNOWN
            features = catalogue.features[rows[known]].astype(np.float64)
            whole = np.isfinite(features).all(axis=1)
            moments.update(features[whole], figures.counts[known][whole])
        return moments

    def series_of(self, merged: MergedSlice, series: Series) -> npt.NDArray[np.int64]:
        """Return a series over the panes of one slice."""
        panes = self._cells.data_set.panes_per_slice
        match series.kind:
            case "all":
                return merged.pane_plays.astype(np.int64)
            case "new_listeners":
                return merged.arrivals.astype(np.int64)
            case "country":
                wanted = np.isin(merged.countries, np.array(series.keys, np.uint32))
                sums: Counts = merged.country_plays[wanted].sum(axis=0, dtype=np.int64)
                return sums
            case "track":
                return merged.tracks.by_pane(np.array(series.keys, np.uint64), panes)
            case "genre":
                keys = merged.tracks.keys
                places, names = self._book.genres_of(keys, merged.catalogue_version)
                inside = places == (names.index(series.name) if series.name in names else -1)
            case "artist":
                keys = merged.tracks.keys
                artists = self._book.artists_of(keys, merged.catalogue_version)
                inside = np.isin(artists, np.array(series.keys, np.uint64))
        if np.count_nonzero(inside) <= _FEW_TRACKS:
            return merged.tracks.by_pane(keys[inside], panes)
        both: Counts = merged.tracks.grouped(inside.astype(np.int64), 2, panes)
        return both[1, :]

    def panes(self, asked: Range, series: Series) -> tuple[npt.NDArray[np.int64], Counts]:
        """Return the panes (start, milliseconds) and counts of a series where it is not 0."""
        pane_ms = self._cells.data_set.pane_ms
        starts, counts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for span in spans(asked, self._cells):
            inside = self.series_of(span.slice, series)[span.first_pane : span.stop_pane]
            some = np.flatnonzero(inside)
            starts.append(span.slice.start_ms + (span.first_pane + some) * pane_ms)
            counts.append(inside[some])
        return np.concatenate(starts), np.concatenate(counts)
