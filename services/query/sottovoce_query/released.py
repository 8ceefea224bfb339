"""Releases of a range: which slices and panes it has, and what was released of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import Catalogue
from sottovoce.data_sets import DataSet
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.privacy import Noise
from sottovoce_query.figures import Noises
from sottovoce_query.gate import Mark
from sottovoce_query.ranges import Range
from sottovoce_query.refusals import as_question_errors
from sottovoce_query.releases import statistic as statistics
from sottovoce_query.releases.desk import Desk
from sottovoce_query.releases.shelf import Release
from sottovoce_query.releases.statistic import Statistic
from sottovoce_query.tracks import UNKNOWN_GENRE, TrackBook

OF_SLICES: Final[dict[tuple[Mark, bool], Statistic]] = {
    ("plays", False): statistics.TRACKS,
    ("plays", True): statistics.ARTISTS,
    ("firsts_of_track", False): statistics.TRACKS_BY_LISTENERS,
    ("firsts_of_artist", True): statistics.ARTISTS_BY_LISTENERS,
}
"""By what is counted, and whether by artist: the release of a whole slice."""


@dataclass(frozen=True, slots=True)
class Part:
    """Panes [first, stop) of one slice."""

    slice_ms: int
    first: int
    stop: int
    whole: bool


class Released:
    """Looks up what a range needs, and has made what is not there.

    Every method that looks up raises a `QuestionError` where the ledger refuses.

    Args:
        desk: finds releases.
        book: what tracks mean.
    """

    def __init__(self, desk: Desk, book: TrackBook) -> None:
        self._desk = desk
        self._book = book

    @property
    def data_set(self) -> DataSet:
        """Whose releases."""
        return self._desk.data_set

    @property
    def ranking_ms(self) -> int:
        """How long a draw of a live ranking is."""
        return self._desk.ranking_panes * self.data_set.pane_ms

    def catalogue_of(self, release: Release) -> Catalogue:
        """Return the catalogue whose domain a release has."""
        return self._book.catalogue_of(release.body.catalogue_version)

    def genre_names(self, release: Release) -> list[str]:
        """Return the names of a release's genres, in its order."""
        return [*self.catalogue_of(release).genres, UNKNOWN_GENRE]

    def parts(self, asked: Range) -> Iterator[Part]:
        """Yield every slice of a range, whether anybody listened in it or not."""
        data_set = self.data_set
        panes = data_set.panes_per_slice
        for slice_ms in range(data_set.slice_of(asked.start_ms), asked.end_ms, data_set.slice_ms):
            first = max(0, (asked.start_ms - slice_ms) // data_set.pane_ms)
            stop = min(panes, (asked.end_ms - slice_ms) // data_set.pane_ms)
            yield Part(slice_ms, first, stop, stop - first == panes)

    def slices(self, asked: Range) -> tuple[int, ...]:
        """Return the starts of a range's slices."""
        return tuple(part.slice_ms for part in self.parts(asked))

    def prepare(self, statistic: Statistic, asked: Range) -> None:
        """Have all slices of a sealed range released together, where they are not yet."""
        if not self.data_set.by_append_time:
            with as_question_errors(self.data_set, statistic.name):
                self._desk.releases((statistic, each, None) for each in self.slices(asked))

    def panes(self, statistic: Statistic, part: Part) -> tuple[npt.NDArray[np.int64], Release]:
        """Return the panes of a part as rows, and a release that tells their noise."""
        with as_question_errors(self.data_set, statistic.name):
            return self._desk.panes(statistic, part.slice_ms, part.first, part.stop)

    def of_slice(self, statistic: Statistic, slice_ms: int) -> Release:
        """Return a release of a whole slice."""
        return self._draws(statistic, slice_ms, [None])[0]

    def ranked(self, part: Part, mark: Mark, artists: bool) -> list[Release]:
        """Return what a part's tracks or artists add up from: a whole slice's own release."""
        if part.whole:
            return [self.of_slice(OF_SLICES[mark, artists], part.slice_ms)]
        return self.ranked_live(part, artists)

    def ranked_live(self, part: Part, artists: bool) -> list[Release]:
        """Return a part's rankings step by step."""
        if not self.data_set.by_append_time:
            return [self.of_slice(OF_SLICES["plays", artists], part.slice_ms)]
        statistic = statistics.ARTISTS_LIVE if artists else statistics.TRACKS_LIVE
        step = self._desk.ranking_panes
        return self._draws(statistic, part.slice_ms, range(part.first // step, part.stop // step))

    def union(self, statistic: Statistic, slices: tuple[int, ...]) -> Release:
        """Return an ad-hoc release over slices; that of a day's listeners is a standing one."""
        data_set = self.data_set
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

    def _draws(
        self, statistic: Statistic, slice_ms: int, numbers: Sequence[int | None]
    ) -> list[Release]:
        with as_question_errors(self.data_set, statistic.name):
            return self._desk.draws(statistic, slice_ms, numbers)


def noise_of(release: Release, times: int = 1) -> Noises:
    """Return the noise of so many summands of a release."""
    return {} if release.noise is None else {release.noise: times}


def together(every: Iterable[Noises]) -> Noises:
    """Return the noise of a sum of sums."""
    total: Counter[Noise] = Counter()
    for noises in every:
        total.update(noises)
    return dict(total)
