"""Made-up listeners who behave like some: sessions, skips, tastes, countries, day and night.

Every play is a pure function of the seed and its number, save for its time, so the simulator
resumes anywhere. Play p is the round p // S of the seat p % S. A seat is taken by one listener for
a session of some rounds, then by the next; a listener has a country and two favourite genres;
tracks are drawn by Zipf's law, six in ten from a favourite genre.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import Catalogue
from sottovoce.data_sets.data_set import HOUR_MS
from sottovoce.wire import listens as wire
from sottovoce_producer.plays import Plays, Tracks

type Longs = npt.NDArray[np.int64]
type Words = npt.NDArray[np.uint64]
type Floats = npt.NDArray[np.float64]

COUNTRIES: Final[Mapping[str, tuple[float, int]]] = {
    "US": (0.28, -6),
    "BR": (0.13, -3),
    "GB": (0.12, 0),
    "MX": (0.11, -6),
    "DE": (0.10, 1),
    "IN": (0.08, 5),
    "FR": (0.07, 1),
    "JP": (0.06, 9),
    "SE": (0.05, 1),
}
"""Shares of the made-up listeners, and hours from UTC."""

# Shares of the day's plays in each hour of local time: little before dawn, most in the evening.
_RHYTHM: Final = np.array(
    [
        *(2.6, 1.7, 1.1, 0.8, 0.7, 1.0, 2.0, 3.6, 4.7, 4.8, 4.7, 4.8),
        *(5.0, 5.0, 5.0, 5.3, 5.8, 6.2, 6.3, 6.0, 5.6, 5.3, 4.8, 3.8),
    ]
)
_SESSION_ROUNDS: Final = 12
_ROUNDS_SPREAD: Final = 7


class _Draw:
    """Uniform numbers that are a function of a seed, a purpose and a number: SplitMix64."""

    def __init__(self, seed: int) -> None:
        self._seed = seed * 0xD1B54A32D192ED03

    def words(self, purpose: int, numbers: npt.NDArray[np.integer]) -> Words:
        begin = (self._seed + purpose * 0x8CB92BA72F3D8DD7) & 0xFFFF_FFFF_FFFF_FFFF
        state = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(begin)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))

    def uniform(self, purpose: int, numbers: npt.NDArray[np.integer]) -> Floats:
        return (self.words(purpose, numbers) >> np.uint64(11)).astype(np.float64) * 2.0**-53


@dataclass(frozen=True, slots=True)
class Population:
    """Who listens, and how.

    Attributes:
        seed: two simulators with one seed and one catalogue make the same plays.
        listeners: how many accounts.
        seats: how many of them listen at a time.
        skips: share of plays that are skipped within 30 seconds.
        zipf: exponent of Zipf's law over the tracks.
        duplicates: share of plays that are told twice.
    """

    seed: int = 1
    listeners: int = 2_000
    seats: int = 400
    skips: float = 0.3
    zipf: float = 1.0
    duplicates: float = 0.002


class Crowd:
    """The plays of a population over a catalogue, by number.

    Args:
        population: who listens.
        catalogue: what they listen to; must hold a track.
    """

    def __init__(self, population: Population, catalogue: Catalogue) -> None:
        self._population = population
        self._draw = _Draw(population.seed)
        self._accounts = [f"simulated-{number:07d}" for number in range(population.listeners)]
        self._lay_out_tracks(catalogue)
        self._lay_out_listeners()

    def _lay_out_tracks(self, catalogue: Catalogue) -> None:
        """Order tracks by genre and, within it, by rank; sum up how often each is drawn."""
        count = len(catalogue)
        order = np.argsort(self._draw.words(1, np.arange(count)))
        order = order[np.argsort(-catalogue.popularity[order].astype(np.int64), kind="stable")]
        weight = np.empty(count)
        weight[order] = 1.0 / np.arange(1, count + 1) ** self._population.zipf
        rank = np.empty(count, np.int64)
        rank[order] = np.arange(count)
        self._order = np.lexsort((rank, catalogue.primary_genre))
        self._cumulative = np.cumsum(weight[self._order])
        genre = catalogue.primary_genre[self._order]
        begins = np.flatnonzero(np.r_[True, genre[1:] != genre[:-1]])
        ends = np.r_[begins[1:], count] - 1
        self._genre_low = np.r_[0.0, self._cumulative][begins]
        self._genre_high = self._cumulative[ends]
        self._duration = catalogue.duration_ms.astype(np.int64)
        self._duration[self._duration <= 0] = 200_000
        rows = range(count)
        self._tracks = Tracks(
            catalogue.high,
            catalogue.keys,
            catalogue.artist_key,
            [catalogue.name(row) for row in rows],
            [(catalogue.artists(row) or ("",))[0] for row in rows],
            [""] * count,
        )

    def _lay_out_listeners(self) -> None:
        """Give each listener a country, an activity and two favourite genres."""
        numbers = np.arange(self._population.listeners)
        shares = np.cumsum([share for share, _ in COUNTRIES.values()])
        place = np.searchsorted(shares, self._draw.uniform(2, numbers) * shares[-1], "right")
        codes = [wire.country_code(name) for name in COUNTRIES]
        self._country = np.array(codes, np.uint32)[place]
        activity = 0.2 + self._draw.uniform(3, numbers) ** -0.5
        self._by_country = np.argsort(place, kind="stable")
        self._activity = np.cumsum(activity[self._by_country])
        sizes = np.bincount(place, minlength=len(COUNTRIES))
        ends = np.cumsum(sizes)
        edges = np.r_[0.0, self._activity]
        self._country_low, self._country_high = edges[ends - sizes], edges[ends]
        # How many of the country's listeners are awake counts, hour by hour of UTC.
        offsets = [hours for _, hours in COUNTRIES.values()]
        awake = np.array([[_RHYTHM[(hour + o) % 24] for o in offsets] for hour in range(24)])
        self._country_at = np.cumsum(awake * (self._country_high - self._country_low), axis=1)
        genres = len(self._genre_low)
        self._favourites = np.stack(
            [(self._draw.words(each, numbers) % np.uint64(genres)).astype(np.int64)
             for each in (4, 5)]
        )  # fmt: skip

    def rhythm(self, time_ms: int) -> float:
        """Return how lively the world is, 1.0 on average over a day."""
        totals: Floats = self._country_at[:, -1]
        at, part = divmod(time_ms / HOUR_MS, 1.0)
        here, next_ = totals[int(at) % 24], totals[int(at + 1) % 24]
        return float((here * (1 - part) + next_ * part) / totals.mean())

    def plays(self, numbers: Longs, end_time_ms: Longs) -> Plays:
        """Return the plays of some numbers, ended at the times given."""
        listener = self._listeners(numbers, end_time_ms)
        track = self._choose_tracks(numbers, listener)
        skipped = self._draw.uniform(8, numbers) < self._population.skips
        part = self._draw.uniform(9, numbers)
        heard = np.where(skipped, 1_000 + part * 29_000, self._duration[track])
        heard = np.minimum(heard, self._duration[track]).astype(np.uint32)
        flags = np.full(
            len(numbers), wire.MS_PLAYED_KNOWN | wire.COUNTRY_KNOWN | wire.SKIPPED_KNOWN, np.uint32
        )
        flags |= np.where(skipped, wire.SKIPPED, 0).astype(np.uint32)
        again = self._draw.uniform(10, numbers) < self._population.duplicates
        told = np.sort(np.r_[np.arange(len(numbers)), np.flatnonzero(again)])
        return Plays(
            self._accounts,
            self._tracks,
            listener.astype(np.int32),
            track.astype(np.int32),
            end_time_ms,
            heard,
            self._country[listener],
            flags,
            np.zeros(len(numbers), np.bool_),
        ).select(told)

    def _listeners(self, numbers: Longs, end_time_ms: Longs) -> Longs:
        seats = self._population.seats
        seat, round_ = numbers % seats, numbers // seats
        spread = self._draw.words(6, seat) % np.uint64(_SESSION_ROUNDS * _ROUNDS_SPREAD)
        length = _SESSION_ROUNDS - 4 + (self._draw.words(7, seat) % np.uint64(9)).astype(np.int64)
        session = seat + seats * ((round_ + spread.astype(np.int64)) // length)
        hour = (end_time_ms // HOUR_MS % 24).astype(np.int64)
        shares = self._country_at[hour]
        drawn = self._draw.uniform(11, session)[:, None] * shares[:, -1:]
        country = (drawn >= shares).sum(axis=1)
        low, high = self._country_low[country], self._country_high[country]
        at = low + self._draw.uniform(12, session) * (high - low)
        place = np.searchsorted(self._activity, at, "right")
        chosen: Longs = self._by_country[np.minimum(place, len(self._by_country) - 1)]
        return chosen

    def _choose_tracks(self, numbers: Longs, listener: Longs) -> Longs:
        mood = self._draw.uniform(13, numbers)
        genre = self._favourites[(mood < 0.2).astype(np.int64), listener]
        own = mood < 0.6
        low = np.where(own, self._genre_low[genre], 0.0)
        high = np.where(own, self._genre_high[genre], self._cumulative[-1])
        at = low + self._draw.uniform(14, numbers) * (high - low)
        place = np.searchsorted(self._cumulative, at, "right")
        chosen: Longs = self._order[np.minimum(place, len(self._order) - 1)]
        return chosen
