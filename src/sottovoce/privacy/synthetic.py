"""Made-up listens that look like the crowd's: drawn from figures that were released before.

No record is read: only released histograms, the public catalogue's genres and fresh randomness.

**Guarantee:** post-processing of releases: nothing is charged, and no row is anybody's. Each row is
drawn independently, track with probability proportional to its released count where that is
positive (within its genre, if genres were released too, and the genre with probability proportional
to its own), country and pane likewise; the three are independent of each other, as the released
margins say nothing else.

**Source:** Dwork & Roth, "The algorithmic foundations of differential privacy" (2014), proposition
2.1 (post-processing).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sottovoce.privacy.errors import PrivacyParameterError
from sottovoce.privacy.mechanisms import Counts


@dataclass(frozen=True, slots=True)
class Margin:
    """A released histogram.

    Attributes:
        keys: what was counted, each once.
        counts: the released counts; noise may have made some negative.
    """

    keys: NDArray[np.generic]
    counts: Counts

    def __post_init__(self) -> None:
        if self.keys.ndim != 1 or self.keys.shape != self.counts.shape:
            raise PrivacyParameterError(
                f"a margin has a count for each key: {self.keys.shape}, {self.counts.shape}"
            )

    def chances(self) -> NDArray[np.float64]:
        """How likely each key is; all alike where no count is positive."""
        positive = np.maximum(self.counts, 0).astype(np.float64)
        total = positive.sum()
        return (
            positive / total if total > 0 else np.full(len(positive), 1.0 / max(len(positive), 1))
        )


@dataclass(frozen=True, slots=True)
class SyntheticListens:
    """Rows of made-up listens, one array a column.

    Attributes:
        tracks: keys of the tracks.
        countries: keys of the countries.
        panes: starts of the panes.
    """

    tracks: NDArray[np.generic]
    countries: NDArray[np.generic]
    panes: NDArray[np.generic]

    def __len__(self) -> int:
        return len(self.tracks)


def synthesize(
    rows: int,
    tracks: Margin,
    countries: Margin,
    panes: Margin,
    generator: np.random.Generator,
    genres: tuple[NDArray[np.intp], Margin] | None = None,
) -> SyntheticListens:
    """Draws made-up listens; nothing where a margin has no key.

    Args:
        rows: how many.
        tracks: released plays by track.
        countries: released plays by country.
        panes: released plays by pane.
        generator: fresh randomness, or seeded by the release to draw the same again.
        genres: for each track the place of its genre in a released margin of genres.
    """
    if rows < 0:
        raise PrivacyParameterError(f"a sample can't have {rows} rows")
    if not (len(tracks.keys) and len(countries.keys) and len(panes.keys)):
        rows = 0

    def draw(margin: Margin, chances: NDArray[np.float64]) -> NDArray[np.generic]:
        if rows == 0:
            return margin.keys[:0]
        return margin.keys[generator.choice(len(chances), rows, p=chances)]

    of_tracks = tracks.chances()
    if genres is not None and rows:
        of_tracks = _within_genres(of_tracks, *genres)
    return SyntheticListens(
        draw(tracks, of_tracks), draw(countries, countries.chances()), draw(panes, panes.chances())
    )


def _within_genres(
    chances: NDArray[np.float64], places: NDArray[np.intp], genres: Margin
) -> NDArray[np.float64]:
    """The same chances within each genre, and the released ones between genres."""
    if places.shape != chances.shape:
        raise PrivacyParameterError(f"a genre for each track: {places.shape}, {chances.shape}")
    now = np.bincount(places, chances, minlength=len(genres.keys))
    factor = np.divide(genres.chances(), now, out=np.zeros_like(now), where=now > 0)
    raked = chances * factor[places]
    total = raked.sum()
    return raked / total if total > 0 else chances
