"""One data set as the writer sees it: which plays come in time, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import Catalogue
from sottovoce.data_sets import DataSet, TermsTimeline
from sottovoce.wire.listens import (
    FIRST_OF_ARTIST,
    FIRST_OF_TRACK,
    Listens,
    new_listens,
    pack_keys,
)
from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.bounds import Bounds, Candidates, Decision, Verdict
from sottovoce_producer.events import event_ids
from sottovoce_producer.filters import Filters
from sottovoce_producer.listeners import Listeners, Longs
from sottovoce_producer.plays import Mask, Plays
from sottovoce_producer.tracks import KnownTracks, TrackNames


@dataclass(frozen=True, slots=True, eq=False)
class Screened:
    """Plays that are in time and pass the filters, and how many are not or do not.

    Attributes:
        kept: which plays go on.
        late: which came too late.
        counts: those that do not go on, by reason.
    """

    kept: Mask
    late: Mask
    counts: producer_pb2.PlayCounts


@dataclass(frozen=True, slots=True, eq=False)
class Admitted:
    """Listens to write to one data set, and what its state learns with them.

    Attributes:
        listens: as they go into the log, in order.
        listeners: the number of each one's listener.
        tracks: each one's index in the tracks of the batch.
        track_keys: the key that each one's track counts under.
        artist_keys: the key of each one's artist as the slice's pinned catalogue has it.
        decision: what was decided of all candidates.
        announce: ids of tracks that nobody was told about, and the index that names each.
        counts: taken, duplicate, cut by a bound.
    """

    listens: Listens
    listeners: Longs
    tracks: npt.NDArray[np.int32]
    track_keys: npt.NDArray[np.uint64]
    artist_keys: npt.NDArray[np.uint64]
    decision: Decision
    announce: dict[bytes, int]
    counts: producer_pb2.PlayCounts


class Intake:
    """The state of one data set for one writer.

    Args:
        data_set: its constants.
        terms: returns all its terms as they stand now.
        catalogue: returns a version of the catalogue.
        track_names: what was told on the topic `tracks`.
        filters: which plays count.
    """

    def __init__(
        self,
        data_set: DataSet,
        *,
        terms: Callable[[], TermsTimeline],
        catalogue: Callable[[str], Catalogue],
        track_names: TrackNames,
        filters: Filters,
    ) -> None:
        self.data_set = data_set
        self.bounds = Bounds(data_set)
        self.sealed_through_ms = 0
        self._read_terms = terms
        self._catalogue = catalogue
        self._names = track_names
        self._filters = filters
        self.refresh()

    def refresh(self) -> None:
        """Look at the terms again."""
        self._terms = list(self._read_terms())
        self._starts = np.array([each.from_ms for each in self._terms], np.int64)
        columns = ("lateness_ms", "future_ms", "listens_per_slice", "slices_per_day")
        self._columns = {
            name: np.array([getattr(each, name) for each in self._terms], np.int64)
            for name in columns
        }

    @property
    def lateness_ms(self) -> int:
        """The longest lateness of any terms."""
        return int(self._columns["lateness_ms"].max())

    @property
    def future_ms(self) -> int:
        """The most that an event time may lie ahead of its append time, under any terms."""
        return int(self._columns["future_ms"].max())

    def horizon_ms(self, now_ms: int) -> int:
        """Return the start of the earliest slice for which plays are still taken."""
        if self.data_set.by_append_time:
            return max(0, self.data_set.slice_of(now_ms - self.lateness_ms))
        return max(self.sealed_through_ms, self.data_set.first_ms)

    def forget(self, now_ms: int) -> list[tuple[int, int]]:
        """Drop what is known of slices for which no play is taken any more.

        Returns:
            Days and listeners whose slices need not be kept.
        """
        return self.bounds.forget_before(self.horizon_ms(now_ms))

    def _terms_of(self, end_time_ms: Longs) -> npt.NDArray[np.intp]:
        return np.maximum(np.searchsorted(self._starts, end_time_ms, "right") - 1, 0)

    def _known_tracks(
        self, plays: Plays, terms: npt.NDArray[np.intp]
    ) -> list[tuple[Mask, KnownTracks]]:
        """Return what the tracks count as, for each terms that the plays lie under."""
        return [
            (
                terms == number,
                self._names.look_up(
                    plays.tracks, self._catalogue(self._terms[number].catalogue_version)
                ),
            )
            for number in np.unique(terms).tolist()
        ]

    def screen(self, plays: Plays, now_ms: int) -> Screened:
        """Judge each play by itself: its time, then the filters."""
        end = plays.end_time_ms
        terms = self._terms_of(end)
        late = end < max(self.data_set.first_ms, int(self._starts[0]))
        if self.data_set.by_append_time:
            late |= end < now_ms - self._columns["lateness_ms"][terms]
        else:
            late |= end < self.sealed_through_ms
        future = end > now_ms + self._columns["future_ms"][terms]
        in_catalogue = np.ones(len(plays), np.bool_)
        if not self._filters.settings.unknown_tracks:
            for under, known in self._known_tracks(plays, terms):
                in_catalogue[under] = known.in_catalogue[plays.track[under]]
        kept = ~(late | future)
        chosen = np.flatnonzero(kept)
        passed, cut = self._filters.judge(plays.select(chosen), in_catalogue[chosen])
        kept[chosen] = passed
        counts = producer_pb2.PlayCounts(
            too_late=int(late.sum()),
            future=int(future.sum()),
            filtered=[
                producer_pb2.FilteredCount(filter=name, count=count) for name, count in cut.items()
            ],
        )
        return Screened(kept, late, counts)

    def admit(self, plays: Plays, numbers: Longs, listeners: Listeners) -> Admitted:
        """Judge plays by what their listeners did before; changes nothing.

        Args:
            plays: those that `screen` kept.
            numbers: the number of each play's listener.
            listeners: knows their pseudonyms.
        """
        listens = _as_listens(plays, numbers, listeners)
        terms = self._terms_of(plays.end_time_ms)
        track = np.empty(len(plays), np.uint64)
        artist = np.empty(len(plays), np.uint64)
        unannounced: dict[bytes, int] = {}
        announceable = np.zeros(len(plays), np.bool_)
        for under, known in self._known_tracks(plays, terms):
            index = plays.track[under]
            track[under], artist[under] = known.key[index], known.artist[index]
            announceable[under] = ~known.in_catalogue[index]
            unannounced.update(known.unannounced)
        decision = self.bounds.decide(
            Candidates(
                listener=numbers,
                end_time_ms=plays.end_time_ms,
                event=listens["event_low"],
                track=track,
                artist=artist,
                listens_per_slice=self._columns["listens_per_slice"][terms],
                slices_per_day=self._columns["slices_per_day"][terms],
            )
        )
        taken = decision.taken
        listens["ordinal"] = decision.ordinal
        listens["flags"] |= np.where(decision.first_of_track, FIRST_OF_TRACK, 0).astype(np.uint32)
        listens["flags"] |= np.where(decision.first_of_artist, FIRST_OF_ARTIST, 0).astype(np.uint32)
        verdicts = np.bincount(decision.verdict, minlength=len(Verdict)).tolist()
        return Admitted(
            listens=listens[taken],
            listeners=numbers[taken],
            tracks=plays.track[taken],
            track_keys=track[taken],
            artist_keys=artist[taken],
            decision=decision,
            announce=_to_announce(plays, taken & announceable, unannounced),
            counts=producer_pb2.PlayCounts(
                taken=verdicts[Verdict.TAKEN],
                duplicate=verdicts[Verdict.DUPLICATE],
                over_listens_per_slice=verdicts[Verdict.OVER_LISTENS_PER_SLICE],
                over_slices_per_day=verdicts[Verdict.OVER_SLICES_PER_DAY],
            ),
        )

    def restore(self, listens: Listens, numbers: Longs) -> None:
        """Learn listens of the log that are this writer's."""
        end = listens["end_time_ms"].astype(np.int64)
        terms = self._terms_of(end)
        track = listens["track_low"].copy()
        artist = np.empty(len(listens), np.uint64)
        for number in np.unique(terms).tolist():
            under = terms == number
            catalogue = self._catalogue(self._terms[number].catalogue_version)
            track[under], artist[under] = self._names.counts_as(
                listens["track_high"][under], listens["track_low"][under], catalogue
            )
        self.bounds.restore(
            Candidates(
                listener=numbers,
                end_time_ms=end,
                event=listens["event_low"],
                track=track,
                artist=artist,
                listens_per_slice=self._columns["listens_per_slice"][terms],
                slices_per_day=self._columns["slices_per_day"][terms],
            ),
            (listens["flags"] & FIRST_OF_TRACK) != 0,
            (listens["flags"] & FIRST_OF_ARTIST) != 0,
        )


def _as_listens(plays: Plays, numbers: Longs, listeners: Listeners) -> Listens:
    listens = new_listens(len(plays))
    listens["listener_high"], listens["listener_low"] = listeners.ids(numbers)
    listens["track_high"] = plays.tracks.high[plays.track]
    listens["track_low"] = plays.tracks.low[plays.track]
    listens["end_time_ms"] = plays.end_time_ms
    listens["ms_played"] = plays.ms_played
    listens["country"] = plays.country
    listens["flags"] = plays.flags
    listens["event_high"], listens["event_low"] = event_ids(listens)
    return listens


def _to_announce(plays: Plays, chosen: Mask, unannounced: dict[bytes, int]) -> dict[bytes, int]:
    """Return those of the unannounced ids that a chosen play has."""
    if not unannounced or not chosen.any():
        return {}
    used = np.unique(plays.track[chosen])
    packed = pack_keys(plays.tracks.high[used], plays.tracks.low[used]).tobytes()
    ids = {packed[at : at + 16] for at in range(0, len(packed), 16)}
    return {track_id: unannounced[track_id] for track_id in ids if track_id in unannounced}
