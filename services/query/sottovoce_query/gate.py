"""The one way out: every figure about listening that leaves passes the gate.

`EnforcedGate` lets out what the budget allows, `PersonalGate` one's own history as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from sottovoce.sketches import Estimate
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.figures import CONFIDENCE, Figures, Noises
from sottovoce_query.ranges import Limits, Range

type Mark = Literal["plays", "firsts_of_track", "firsts_of_artist"]


@dataclass(frozen=True, slots=True)
class Series:
    """One series of plays or listeners over time, resolved.

    Attributes:
        kind: what it counts.
        name: the genre, or "" for the others.
        keys: track keys, artist keys or country codes, ascending.
    """

    kind: Literal["all", "new_listeners", "genre", "country", "track", "artist"]
    name: str = ""
    keys: tuple[int, ...] = ()

    @property
    def is_ranked(self) -> bool:
        """Whether it goes by the grain of rankings."""
        return self.kind in ("track", "artist")


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A released series.

    Attributes:
        starts_ms: of each step, ascending; steps that are known to be 0 may be left out.
        counts: of each step.
        noises: in each count.
        missing: how much more each count may be.
    """

    starts_ms: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    noises: Sequence[Noises]
    missing: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SampledRow:
    """A row of a sample as it may be shown."""

    track_key: int
    versions: tuple[str, ...]
    time_ms: int
    country: str
    played_ms: int | None = None
    skipped: bool | None = None
    features: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows that may be shown, and what they are.

    Attributes:
        notice: a sentence for whoever reads them; empty where none is needed.
    """

    rows: list[SampledRow]
    kind: query_pb2.SampleKind.ValueType
    notice: str = ""


class Gate(Limits, Protocol):
    """Releases figures about ranges of a data set.

    Every method raises a `QuestionError` where a figure may not leave.
    """

    mode: ClassVar[query_pb2.PrivacyMode.ValueType]
    notice: ClassVar[str]

    @property
    def revision(self) -> int:
        """Grows whenever a figure that was given may have changed."""

    def versions(self, asked: Range) -> list[str]:
        """Return the catalogue versions behind a range; they are public."""

    def plays(self, asked: Range, confidence: float = CONFIDENCE) -> Estimate:
        """Release the number of plays."""

    def tracks(self, asked: Range, mark: Mark) -> Figures[np.uint64]:
        """Release counts by track."""

    def artists(self, asked: Range, mark: Mark) -> Figures[np.uint64]:
        """Release counts by artist."""

    def played(self, asked: Range) -> Figures[np.uint64]:
        """Release which tracks were played, as counts of those that surely were."""

    def genres(self, asked: Range) -> Figures[np.str_]:
        """Release plays by genre."""

    def countries(self, asked: Range) -> Figures[np.uint32]:
        """Release plays by country."""

    def distinct_listeners(self, asked: Range) -> Estimate:
        """Release the number of distinct listeners over whole slices."""

    def distinct_tracks(self, asked: Range) -> Estimate:
        """Release the number of distinct tracks over whole slices."""

    def distinct_artists(self, asked: Range) -> Estimate:
        """Release the number of distinct artists over whole slices."""

    def correlations(self, asked: Range) -> tuple[list[Estimate], Estimate]:
        """Release the correlations of audio features, row by row, and the plays behind them."""

    def sample(self, asked: Range, size: int, kind: query_pb2.SampleKind.ValueType) -> Sample:
        """Release rows that look like the crowd's."""

    def series(self, asked: Range, series: Series, grain: Literal["step", "slice"]) -> Steps:
        """Release a series step by step, panes or those of rankings, or by whole slices."""
