"""Everything that can be released about slices, and how much one listener can change it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from sottovoce.privacy import Mechanism
from sottovoce_query.releases.features import squared_norm


class Step(Enum):
    """How often a statistic is drawn."""

    PANE = "pane"
    RANKING = "ranking"  # every few panes
    SLICE = "slice"
    DAY = "day"  # a union of slices
    QUESTION = "question"  # when somebody asks, from the reserve


class Domain(Enum):
    """What the values of a release are of."""

    ONE = "one"
    GENRES = "genres"
    COUNTRIES = "countries"
    TRACKS = "tracks"
    ARTISTS = "artists"
    OCCUPANCY = "occupancy"
    FEATURES = "features"


@dataclass(frozen=True, slots=True)
class Statistic:
    """What is released.

    Attributes:
        name: as plans, the ledger and metrics call it.
        step: when it is drawn.
        domain: what its values are of.
        sensitivity: from C, the bound on a listener's listens in a slice, to how much one listener
            changes all its draws of a slice together: in L1, for the Gaussian squared L2.
        mechanism: how its noise is distributed.
        beyond: whether keys outside the domain join it above a threshold.
    """

    name: str
    step: Step
    domain: Domain
    sensitivity: Callable[[int], int]
    mechanism: Mechanism = Mechanism.DISCRETE_LAPLACE
    beyond: bool = False


def _once(_: int) -> int:
    """A listener changes it by one."""
    return 1


def _each_listen(bound: int) -> int:
    """Each of a listener's listens counts in one place of one draw."""
    return bound


def _all_listens(bound: int) -> int:
    """All of a listener's vectors added up: squared L2 of C vectors of the greatest norm."""
    return bound**2 * squared_norm()


_GAUSSIAN: Final = Mechanism.DISCRETE_GAUSSIAN

GENRES: Final = Statistic("genres", Step.PANE, Domain.GENRES, _each_listen)
COUNTRIES: Final = Statistic("countries", Step.PANE, Domain.COUNTRIES, _each_listen)
NEW_LISTENERS: Final = Statistic("new-listeners", Step.PANE, Domain.ONE, _once)
TRACKS_LIVE: Final = Statistic("tracks-live", Step.RANKING, Domain.TRACKS, _each_listen)
ARTISTS_LIVE: Final = Statistic("artists-live", Step.RANKING, Domain.ARTISTS, _each_listen)
TRACKS: Final = Statistic("tracks", Step.SLICE, Domain.TRACKS, _each_listen, beyond=True)
ARTISTS: Final = Statistic("artists", Step.SLICE, Domain.ARTISTS, _each_listen, beyond=True)
TRACKS_BY_LISTENERS: Final = Statistic(
    # A listener marks at most C tracks, each once.
    "tracks-by-listeners", Step.SLICE, Domain.TRACKS, _each_listen, _GAUSSIAN
)  # fmt: skip
ARTISTS_BY_LISTENERS: Final = Statistic(
    "artists-by-listeners", Step.SLICE, Domain.ARTISTS, _each_listen, _GAUSSIAN
)
FEATURES: Final = Statistic("features", Step.SLICE, Domain.FEATURES, _all_listens, _GAUSSIAN)
DISTINCT_TRACKS: Final = Statistic("distinct-tracks", Step.SLICE, Domain.ONE, _each_listen)
DISTINCT_ARTISTS: Final = Statistic("distinct-artists", Step.SLICE, Domain.ONE, _each_listen)
LISTENERS_OF_A_DAY: Final = Statistic("listeners-of-a-day", Step.DAY, Domain.OCCUPANCY, _once)
LISTENERS_OF_A_UNION: Final = Statistic("listeners", Step.QUESTION, Domain.OCCUPANCY, _once)
TRACKS_OF_A_UNION: Final = Statistic(
    "distinct-tracks-of-a-union", Step.QUESTION, Domain.ONE, _each_listen
)
ARTISTS_OF_A_UNION: Final = Statistic(
    "distinct-artists-of-a-union", Step.QUESTION, Domain.ONE, _each_listen
)

STATISTICS: Final[Mapping[str, Statistic]] = MappingProxyType(
    {
        each.name: each
        for each in (
            *(GENRES, COUNTRIES, NEW_LISTENERS, TRACKS_LIVE, ARTISTS_LIVE, TRACKS, ARTISTS),
            *(TRACKS_BY_LISTENERS, ARTISTS_BY_LISTENERS, FEATURES),
            *(DISTINCT_TRACKS, DISTINCT_ARTISTS, LISTENERS_OF_A_DAY),
            *(LISTENERS_OF_A_UNION, TRACKS_OF_A_UNION, ARTISTS_OF_A_UNION),
        )
    }
)
