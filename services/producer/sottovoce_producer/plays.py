"""A batch of plays as columns: what a source hands over.

Accounts and tracks stand once each, and every play points at them, so names are handled once a
batch however many plays there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import (
    TrackIdError,
    artist_keys,
    name_track_id,
    spotify_id_to_int,
)
from sottovoce.wire import listens as wire

MAX_MS_PLAYED = 2**32 - 1
_END_OF_TIME_MS = 253_402_300_800_000

type Ints = npt.NDArray[np.int32]
type Words = npt.NDArray[np.uint64]
type Mask = npt.NDArray[np.bool_]


class PlayRow(NamedTuple):
    """One play as a source tells it.

    Attributes:
        account: who, by the name that the source has; never leaves the producer.
        spotify_id: 22 digits of base 62; empty where the source knows only names.
        artist: the primary artist's name, or empty.
        title: the track's name, or empty.
        album: or empty.
        end_time_ms: the end of the play, milliseconds since 1970 UTC.
        ms_played: None where unknown.
        country: ISO 3166-1 alpha-2, or empty.
        skipped: None where unknown.
        shuffle: None where unknown.
        offline: whether it was heard without a connection.
        private_session: whether the listener asked not to be watched.
    """

    account: str
    spotify_id: str
    artist: str
    title: str
    album: str
    end_time_ms: int
    ms_played: int | None = None
    country: str = ""
    skipped: bool | None = None
    shuffle: bool | None = None
    offline: bool = False
    private_session: bool = False


class Malformed(NamedTuple):
    """A row that is no play.

    Attributes:
        place: its place among the rows handed over.
        reason: why, in words that are the same for all rows with the same fault.
    """

    place: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Distinct tracks of a batch; columns of one length.

    Attributes:
        high: high 64 bits of each id.
        low: low 64 bits: the track key.
        artist_key: the key of the artist that the source names.
        title: or empty.
        artist: or empty.
        album: or empty.
    """

    high: Words
    low: Words
    artist_key: Words
    title: Sequence[str]
    artist: Sequence[str]
    album: Sequence[str]

    def __len__(self) -> int:
        return len(self.low)


@dataclass(frozen=True, slots=True, eq=False)
class Plays:
    """Plays as columns, in the order in which they are to be written.

    Attributes:
        accounts: distinct accounts.
        tracks: distinct tracks.
        account: each play's index in `accounts`.
        track: each play's index in `tracks`.
        end_time_ms: the end of the play, int64.
        ms_played: uint32, 0 where unknown.
        country: as `sottovoce.wire.listens.country_code` gives it, uint32, 0 where unknown.
        flags: the bits of `Listen.flags` that a source knows, uint32.
        private: whether it was heard in a private session.
    """

    accounts: Sequence[str]
    tracks: Tracks
    account: Ints
    track: Ints
    end_time_ms: npt.NDArray[np.int64]
    ms_played: npt.NDArray[np.uint32]
    country: npt.NDArray[np.uint32]
    flags: npt.NDArray[np.uint32]
    private: Mask

    def __len__(self) -> int:
        return len(self.account)

    def select(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Self:
        """Return some of the plays, over the same accounts and tracks."""
        columns = {
            each.name: getattr(self, each.name)
            if each.name in ("accounts", "tracks")
            else getattr(self, each.name)[chosen]
            for each in fields(self)
        }
        return type(self)(**columns)

    @classmethod
    def from_rows(cls, rows: Iterable[PlayRow]) -> tuple[Self, list[Malformed]]:
        """Gather rows into columns.

        Returns:
            The plays, and the rows that are none, with the reason.
        """
        accounts: dict[str, int] = {}
        tracks: dict[tuple[str, str, str, str], int] = {}
        identified: list[tuple[int, int]] = []
        refused: dict[tuple[str, str, str, str], str] = {}
        countries: dict[str, int] = {"": 0}
        columns: list[tuple[int, int, int, int, int, int, bool]] = []
        malformed: list[Malformed] = []
        for index, row in enumerate(rows):
            names = row[1:5]
            track = tracks.get(names)
            if track is None:
                reason = refused.get(names)
                if reason is None:
                    try:
                        identified.append(_identify(*names[:3]))
                    except TrackIdError as error:
                        reason = refused[names] = str(error)
                if reason is not None:
                    malformed.append(Malformed(index, reason))
                    continue
                track = tracks[names] = len(tracks)
            reason = _what_is_wrong(row, countries)
            if reason:
                malformed.append(Malformed(index, reason))
                continue
            columns.append(
                (
                    accounts.setdefault(row.account, len(accounts)),
                    track,
                    row.end_time_ms,
                    row.ms_played or 0,
                    countries[row.country],
                    _flags(row),
                    row.private_session,
                )
            )
        named = list(tracks)
        return cls._from_columns(list(accounts), named, identified, columns), malformed

    @classmethod
    def _from_columns(
        cls,
        accounts: list[str],
        names: list[tuple[str, str, str, str]],
        identified: list[tuple[int, int]],
        columns: list[tuple[int, int, int, int, int, int, bool]],
    ) -> Self:
        ids = np.array(identified, np.uint64).reshape(-1, 2)
        artists = [artist for _, artist, _, _ in names]
        account, track, end, played, country, flags, private = (
            zip(*columns, strict=True) if columns else ((),) * 7
        )
        return cls(
            accounts,
            Tracks(
                np.ascontiguousarray(ids[:, 0]),
                np.ascontiguousarray(ids[:, 1]),
                artist_keys(artists),
                [title for _, _, title, _ in names],
                artists,
                [album for _, _, _, album in names],
            ),
            np.array(account, np.int32),
            np.array(track, np.int32),
            np.array(end, np.int64),
            np.array(played, np.uint32),
            np.array(country, np.uint32),
            np.array(flags, np.uint32),
            np.array(private, np.bool_),
        )


def _identify(spotify_id: str, artist: str, title: str) -> tuple[int, int]:
    return spotify_id_to_int(spotify_id) if spotify_id else name_track_id(artist, title)


def _what_is_wrong(row: PlayRow, countries: dict[str, int]) -> str:
    """Return why a row is no play; the empty string for a fine one."""
    if not row.account:
        return "no account"
    if row.end_time_ms < 0:
        return "ends before 1970"
    if row.end_time_ms >= _END_OF_TIME_MS:
        return "ends after the year 9999"
    if row.ms_played is not None and not 0 <= row.ms_played <= MAX_MS_PLAYED:
        return "milliseconds played are negative or too many"
    if row.country not in countries:
        try:
            countries[row.country] = wire.country_code(row.country)
        except wire.ListenError as error:
            return str(error)
    return ""


def _flags(row: PlayRow) -> int:
    flags = wire.MS_PLAYED_KNOWN if row.ms_played is not None else 0
    if row.country:
        flags |= wire.COUNTRY_KNOWN
    if row.skipped is not None:
        flags |= wire.SKIPPED_KNOWN | (wire.SKIPPED if row.skipped else 0)
    if row.shuffle is not None:
        flags |= wire.SHUFFLE_KNOWN | (wire.SHUFFLE if row.shuffle else 0)
    if row.offline:
        flags |= wire.OFFLINE
    return flags
