"""What a listener may add to a slice and to a day, and what of it is new.

A slice of a listener is a *group*. In the order of writing, each play of a group either is a
duplicate, or is cut by a bound, or is taken and gets the group's next ordinal. The state follows
what was committed: `decide` changes nothing, `commit` does.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from sottovoce.data_sets import DataSet
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce_producer.packed import PackedCounts, PackedKeys

type Words = npt.NDArray[np.uint64]
type Longs = npt.NDArray[np.int64]
type Mask = npt.NDArray[np.bool_]

_LISTENER_BITS: Final = np.uint64(32)


class Verdict(IntEnum):
    """What becomes of a play."""

    TAKEN = 0
    DUPLICATE = 1
    OVER_LISTENS_PER_SLICE = 2
    OVER_SLICES_PER_DAY = 3


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Plays that count unless they are duplicates or a bound cuts them; columns of one length.

    Attributes:
        listener: the listener's number within this writer, int64 below 2^32.
        end_time_ms: the end of the play.
        event: low 64 bits of the event's id.
        track: the key under which the slice's pinned catalogue counts the track.
        artist: the key of the artist that the slice's pinned catalogue names.
        listens_per_slice: C of the play's slice.
        slices_per_day: A of the play's slice.
    """

    listener: Longs
    end_time_ms: Longs
    event: Words
    track: Words
    artist: Words
    listens_per_slice: Longs
    slices_per_day: Longs

    def __len__(self) -> int:
        return len(self.listener)


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What becomes of each candidate, and what the state learns when that is committed.

    Attributes:
        verdict: a `Verdict` for each candidate, int8.
        ordinal: how many listens of its group were taken before; only for those taken.
        first_of_track: whether a taken one is the group's first of its track.
        first_of_artist: likewise for the artist.
        day_slices: (day, listener) to the starts of all its slices, where this adds one.
    """

    verdict: npt.NDArray[np.int8]
    ordinal: Longs
    first_of_track: Mask
    first_of_artist: Mask
    day_slices: dict[tuple[int, int], list[int]]
    groups: Words
    new_listens: Longs
    events: tuple[Words, Words]
    tracks: tuple[Words, Words]
    artists: tuple[Words, Words]

    @property
    def taken(self) -> Mask:
        """Which candidates are taken."""
        taken: Mask = self.verdict == Verdict.TAKEN
        return taken


class Bounds:
    """The bounds and the dedupe state of one data set, for the listeners of one writer.

    **Guarantee**: for any sequence of `decide` and `commit`, over any split into batches, each
    group has at most C taken listens with the ordinals 0, 1, 2, ... in the order of writing; each
    listener has taken listens in at most A slices of a UTC day; no event is taken twice; and
    exactly the first taken listen of each (group, track) and (group, artist) is marked. This holds
    for slices that `forget_before` has not dropped.

    Args:
        data_set: its grid of slices.
    """

    def __init__(self, data_set: DataSet) -> None:
        self._slice_ms = data_set.slice_ms
        self._slices_a_day = DAY_MS // data_set.slice_ms
        self._counts = PackedCounts()
        self._events = PackedKeys()
        self._tracks = PackedKeys()
        self._artists = PackedKeys()
        self._day_slices: dict[tuple[int, int], bytes] = {}

    @property
    def nbytes(self) -> int:
        """Bytes that the packed state takes."""
        return sum(each.nbytes for each in self._tables)

    @property
    def _tables(self) -> tuple[PackedKeys, ...]:
        return self._counts, self._events, self._tracks, self._artists

    def _groups(self, end_time_ms: Longs, listener: Longs) -> Words:
        slices = (end_time_ms // self._slice_ms + 1).astype(np.uint64)
        return slices << _LISTENER_BITS | listener.astype(np.uint64)

    def decide(self, plays: Candidates) -> Decision:
        """Judge plays in the order in which they stand."""
        group = self._groups(plays.end_time_ms, plays.listener)
        leader = _first_alike(group, plays.event)
        fresh = leader == np.arange(len(plays))
        verdict = np.where(
            self._events.contains(group, plays.event), Verdict.DUPLICATE, Verdict.TAKEN
        ).astype(np.int8)
        fresh &= verdict == Verdict.TAKEN
        day_slices, closed = self._judge_days(plays, group, np.flatnonzero(fresh))
        verdict[closed] = Verdict.OVER_SLICES_PER_DAY
        open_ = np.flatnonzero(fresh & (verdict == Verdict.TAKEN))
        distinct, inverse = np.unique(group[open_], return_inverse=True)
        before = self._counts.get(distinct)
        ordinal = np.zeros(len(plays), np.int64)
        ordinal[open_] = before[inverse] + _ranks(inverse)
        over = ordinal >= plays.listens_per_slice
        verdict[over] = Verdict.OVER_LISTENS_PER_SLICE
        repeated = np.flatnonzero(leader != np.arange(len(plays)))
        verdict[repeated] = np.where(
            verdict[leader[repeated]] == Verdict.TAKEN, Verdict.DUPLICATE, verdict[leader[repeated]]
        )
        taken = np.flatnonzero(verdict == Verdict.TAKEN)
        first_of_track, tracks = _firsts(self._tracks, group, plays.track, taken)
        first_of_artist, artists = _firsts(self._artists, group, plays.artist, taken)
        sizes = np.bincount(inverse[~over[open_]], minlength=len(distinct))
        return Decision(
            verdict=verdict,
            ordinal=ordinal,
            first_of_track=first_of_track,
            first_of_artist=first_of_artist,
            day_slices=day_slices,
            groups=distinct[sizes > 0],
            new_listens=sizes[sizes > 0],
            events=(group[taken], plays.event[taken]),
            tracks=tracks,
            artists=artists,
        )

    def commit(self, decision: Decision) -> None:
        """Learn what a decision took."""
        self._counts.increase(decision.groups, decision.new_listens)
        self._events.add(*decision.events)
        self._tracks.add(*decision.tracks)
        self._artists.add(*decision.artists)
        for key, slices in decision.day_slices.items():
            self.restore_day(*key, slices)

    def restore(self, plays: Candidates, first_of_track: Mask, first_of_artist: Mask) -> None:
        """Learn listens that are in the log, each of them once, in any order."""
        group = self._groups(plays.end_time_ms, plays.listener)
        self._counts.increase(*np.unique(group, return_counts=True))
        self._events.add(group, plays.event)
        self._tracks.add(group[first_of_track], plays.track[first_of_track])
        self._artists.add(group[first_of_artist], plays.artist[first_of_artist])

    def restore_day(self, day: int, listener: int, slices: list[int]) -> None:
        """Learn in which slices of a UTC day a listener counts."""
        self._day_slices[day, listener] = struct.pack(f"<{len(slices)}q", *slices)

    def forget_before(self, slice_ms: int) -> list[tuple[int, int]]:
        """Drop what is known of slices that begin earlier; their plays must no longer come.

        Returns:
            The days and listeners whose slices are dropped with them.
        """
        least = (slice_ms // self._slice_ms + 1) << 32
        for table in self._tables:
            table.drop_before(least)
        day = slice_ms // DAY_MS
        over = [key for key in self._day_slices if key[0] < day]
        for key in over:
            del self._day_slices[key]
        return over

    def days_of(self, listener: int) -> list[int]:
        """Return the UTC days of which slices of a listener are known, as days since 1970."""
        return [day for day, number in self._day_slices if number == listener]

    def forget_listener(self, listener: int) -> None:
        """Drop all that is known of a listener, whose number must not be used again."""
        for table in self._tables:
            table.drop_masked((1 << int(_LISTENER_BITS)) - 1, listener)
        for day in self.days_of(listener):
            del self._day_slices[day, listener]

    def _judge_days(
        self, plays: Candidates, group: Words, fresh: Longs
    ) -> tuple[dict[tuple[int, int], list[int]], Longs]:
        """Return the days that gain slices, and the plays whose slice is one too many."""
        bounded = fresh[plays.slices_per_day[fresh] < self._slices_a_day]
        distinct, first, inverse = np.unique(group[bounded], return_index=True, return_inverse=True)
        new = np.flatnonzero(self._counts.get(distinct) == 0)
        gained: dict[tuple[int, int], list[int]] = {}
        closed = np.zeros(len(distinct), np.bool_)
        for number in new[np.argsort(first[new])].tolist():
            play = bounded[first[number]]
            start = int(plays.end_time_ms[play]) // self._slice_ms * self._slice_ms
            key = (start // DAY_MS, int(plays.listener[play]))
            slices = gained.get(key) or self._slices_of(key)
            if start in slices:
                continue
            if len(slices) >= plays.slices_per_day[play]:
                closed[number] = True
            else:
                gained[key] = [*slices, start]
        return gained, bounded[closed[inverse]]

    def _slices_of(self, key: tuple[int, int]) -> list[int]:
        packed = self._day_slices.get(key, b"")
        return list(struct.unpack(f"<{len(packed) // 8}q", packed))


def _first_alike(first: Words, second: Words) -> Longs:
    """Return for each pair the index of the earliest equal pair."""
    order = np.lexsort((second, first))
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (first[order][1:] != first[order][:-1]) | (second[order][1:] != second[order][:-1])
    leader = np.empty(len(order), np.int64)
    leader[order] = order[begins][np.cumsum(begins) - 1]
    return leader


def _ranks(codes: npt.NDArray[np.intp]) -> Longs:
    """Return for each code how many equal ones stand before it."""
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    begins = np.cumsum(sizes) - sizes
    ranks = np.empty(len(codes), np.int64)
    ranks[order] = np.arange(len(codes)) - begins[codes[order]]
    return ranks


def _firsts(
    known: PackedKeys, group: Words, key: Words, taken: Longs
) -> tuple[Mask, tuple[Words, Words]]:
    """Return which plays bring a key that their group lacks, and those keys."""
    groups, keys = group[taken], key[taken]
    leads = _first_alike(groups, keys) == np.arange(len(taken))
    leads &= ~known.contains(groups, keys)
    mask = np.zeros(len(group), np.bool_)
    mask[taken[leads]] = True
    return mask, (groups[leads], keys[leads])
