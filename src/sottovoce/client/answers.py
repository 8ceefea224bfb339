"""What the service answers, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sottovoce.client.asked import TimeRange, TrackRef
from sottovoce.sketches import BloomFilter, Estimate

type PrivacyMode = Literal["enforced", "personal", "unspecified"]
type SampleKind = Literal["synthetic", "own", "real", "unspecified"]


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer rests on.

    Attributes:
        data_set: such as `live`.
        range: what it is about.
        privacy_mode: how it is protected.
        catalogue_versions: what the slices of the range are pinned to, the newest first.
        confidence: of the intervals.
        notice: a sentence for the reader, where the mode asks for one.
    """

    data_set: str
    range: TimeRange
    privacy_mode: PrivacyMode
    catalogue_versions: tuple[str, ...]
    confidence: float
    notice: str


@dataclass(frozen=True, slots=True)
class Track:
    """A track; without a title where nobody knows it."""

    id: str
    title: str
    artists: tuple[str, ...]
    genre: str
    in_catalogue: bool

    def __str__(self) -> str:
        name = self.title or self.id or "a track without a name"
        return f"{', '.join(self.artists)}: {name}" if self.artists else name


@dataclass(frozen=True, slots=True)
class Count:
    """A number of listeners, tracks or artists, or the sum over a window."""

    basis: Basis
    count: Estimate


@dataclass(frozen=True, slots=True)
class Played:
    """Which tracks were played, in the order asked."""

    basis: Basis
    tracks: tuple[tuple[TrackRef, bool], ...]


@dataclass(frozen=True, slots=True)
class PlayedFilter:
    """The played tracks, to ask at home: `filter.contains_keys(high, low)` of 128-bit ids."""

    basis: Basis
    filter: BloomFilter
    false_positive_rate: float


@dataclass(frozen=True, slots=True)
class SampledListen:
    """One listen, without a listener; None and empty where unknown.

    Attributes:
        features: of real rows, the middle of each audio feature's fifth of its range.
    """

    track: Track
    end_time: datetime
    played: timedelta | None
    country: str
    skipped: bool | None
    features: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """Listens that look like the crowd's.

    Attributes:
        kind: made up from released figures, one's own, or real rows.
    """

    basis: Basis
    listens: tuple[SampledListen, ...]
    kind: SampleKind


@dataclass(frozen=True, slots=True)
class Point:
    """One pane or slice of a series."""

    range: TimeRange
    value: Estimate


@dataclass(frozen=True, slots=True)
class SeriesPoints:
    """A series over time, without gaps."""

    basis: Basis
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class TopEntry:
    """One place of a ranking: a track or an artist."""

    rank: int
    track: Track | None
    artist: str
    count: Estimate

    @property
    def name(self) -> str:
        """What to call it."""
        return str(self.track) if self.track else self.artist or "an artist without a name"


@dataclass(frozen=True, slots=True)
class Top:
    """A ranking, the first first."""

    basis: Basis
    entries: tuple[TopEntry, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A genre's or a country's part of the plays."""

    name: str
    plays: Estimate
    share: Estimate


@dataclass(frozen=True, slots=True)
class Distribution:
    """Plays by genre or by country, the largest first."""

    basis: Basis
    shares: tuple[Share, ...]
    total: Estimate


@dataclass(frozen=True, slots=True)
class Correlation:
    """How audio features go together; `matrix[i][j]` belongs to `features[i]`, `features[j]`."""

    basis: Basis
    features: tuple[str, ...]
    matrix: tuple[tuple[Estimate, ...], ...]
    plays: Estimate


@dataclass(frozen=True, slots=True)
class Similar:
    """A track, and those that sound like it with the cosine of their features."""

    track: Track
    similar: tuple[tuple[Track, float], ...]
    catalogue_version: str


@dataclass(frozen=True, slots=True)
class Found:
    """Tracks of the catalogue, the most popular first."""

    tracks: tuple[Track, ...]
    catalogue_version: str


@dataclass(frozen=True, slots=True)
class Trend:
    """A place of a ranking, and the ranks it gained since the message before; None: it is new."""

    entry: TopEntry
    movement: int | None


@dataclass(frozen=True, slots=True)
class Trends:
    """What is played, as of the last complete pane.

    Attributes:
        listeners: distinct listeners of the last complete slice; None before the first.
    """

    basis: Basis
    tracks: tuple[Trend, ...]
    artists: tuple[Trend, ...]
    plays: Estimate
    listeners: Estimate | None
    genres: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class DataSetStatus:
    """How far a data set is.

    Attributes:
        name: such as `live`.
        pane: the grain of series and distributions.
        ranking: the grain of rankings by plays, and of series of tracks and artists.
        slice: the grain of what is distinct, of correlations and samples.
        shards: partitions of its log.
        complete_through: every pane that ends by then is complete; None before the first.
        first_slice: start of the first slice that can be asked about; None where there is none.
        last_slice: start of the last one.
        waits_for: why nothing newer is complete.
        admitted: listens counted, in all; 0 for who may not see true totals.
        refused: listens refused, by reason; likewise.
        committed_at: when the consumer last committed.
        slices: how many slices hold a listen; likewise.
    """

    name: str
    pane: timedelta
    ranking: timedelta
    slice: timedelta
    shards: int
    complete_through: datetime | None
    first_slice: datetime | None
    last_slice: datetime | None
    waits_for: str
    admitted: int
    refused: dict[str, int]
    committed_at: datetime | None
    slices: int


@dataclass(frozen=True, slots=True)
class Status:
    """How far the service is.

    Attributes:
        epsilon: what may be given away about one listener's slice; 0 in personal mode.
        delta: the probability with which that may fail.
    """

    version: str
    privacy_mode: PrivacyMode
    data_sets: dict[str, DataSetStatus]
    catalogue_version: str
    catalogue_tracks: int
    epsilon: float
    delta: float
