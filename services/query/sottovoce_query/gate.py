"""The one way out: every figure about listening that leaves passes the gate.

`OpenGate` lets exact figures through and says so. A gate that protects takes its place behind the
same protocol.
"""

from __future__ import annotations

from typing import ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt

from sottovoce.sketches import BottomKSample, Estimate
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.figures import Figures
from sottovoce_query.ranges import Range
from sottovoce_query.statistics import Mark, Series, Statistics

OPEN_NOTICE: Final = (
    "Privacy mode is open: these figures are exact and protect nobody; do not publish them."
)
CONFIDENCE: Final = 0.95


class Gate(Protocol):
    """Releases figures about a range of a data set."""

    mode: ClassVar[query_pb2.PrivacyMode.ValueType]
    notice: ClassVar[str]

    def estimate(self, count: float) -> Estimate:
        """Return a released count with the interval that the truth lies in."""

    def versions(self, asked: Range) -> list[str]:
        """Return the catalogue versions behind a range; they are public."""

    def plays(self, asked: Range) -> int:
        """Release the number of plays."""

    def tracks(self, asked: Range, mark: Mark) -> Figures[np.uint64]:
        """Release counts by track."""

    def artists(self, asked: Range, mark: Mark) -> Figures[np.uint64]:
        """Release counts by artist."""

    def genres(self, asked: Range) -> dict[str, int]:
        """Release plays by genre."""

    def countries(self, asked: Range) -> Figures[np.uint32]:
        """Release plays by country."""

    def distinct_listeners(self, asked: Range) -> Estimate:
        """Release the number of distinct listeners over whole slices."""

    def distinct_tracks(self, asked: Range) -> Estimate:
        """Release the number of distinct tracks."""

    def distinct_artists(self, asked: Range) -> Estimate:
        """Release the number of distinct artists."""

    def correlations(self, asked: Range) -> tuple[list[Estimate], int]:
        """Release the correlations of audio features, row by row, and the plays behind them."""

    def sample(self, asked: Range) -> BottomKSample:
        """Release rows."""

    def panes(
        self, asked: Range, series: Series
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Release a series: the panes where it is not 0, and its counts there."""


class OpenGate:
    """Lets everything through as it is.

    Args:
        statistics: the exact figures.
    """

    mode: ClassVar[query_pb2.PrivacyMode.ValueType] = query_pb2.PRIVACY_MODE_OPEN
    notice: ClassVar[str] = OPEN_NOTICE

    def __init__(self, statistics: Statistics) -> None:
        self._exact = statistics
        self.versions = statistics.versions
        self.plays = statistics.plays
        self.tracks = statistics.tracks
        self.artists = statistics.artists
        self.genres = statistics.genres
        self.countries = statistics.countries
        self.sample = statistics.sample
        self.panes = statistics.panes

    def estimate(self, count: float) -> Estimate:
        """Return the count as known."""
        return Estimate.exact(count)

    def distinct_listeners(self, asked: Range) -> Estimate:
        """Return the sketch's estimate."""
        return self._exact.listeners(asked).estimate(CONFIDENCE)

    def distinct_tracks(self, asked: Range) -> Estimate:
        """Return how many tracks were played."""
        return Estimate.exact(len(self._exact.tracks(asked)))

    def distinct_artists(self, asked: Range) -> Estimate:
        """Return how many artists were played."""
        return Estimate.exact(len(self._exact.artists(asked)))

    def correlations(self, asked: Range) -> tuple[list[Estimate], int]:
        """Return the correlations with Fisher's bounds."""
        moments = self._exact.moments(asked)
        size = moments.dimensions or 0
        pairs = [
            moments.estimate(first, second, CONFIDENCE)
            for first in range(size)
            for second in range(size)
        ]
        return pairs, moments.count
