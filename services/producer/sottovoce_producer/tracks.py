"""What a track counts as: by the slice's pinned catalogue, or by what the topic `tracks` tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import UNKNOWN, Catalogue, artist_key
from sottovoce.wire.listens import pack_keys
from sottovoce.wire.v1 import data_set_pb2
from sottovoce_producer.plays import Tracks

type Words = npt.NDArray[np.uint64]
type Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class KnownTracks:
    """A batch's tracks under one version of the catalogue; columns as long as the tracks.

    Attributes:
        key: the key that the track counts under.
        artist: the key of its artist.
        row: its row in the catalogue, or `UNKNOWN`.
        unannounced: tracks that nobody was told about: id to the index that names it.
    """

    key: Words
    artist: Words
    row: npt.NDArray[np.int64]
    unannounced: dict[bytes, int]

    @property
    def in_catalogue(self) -> Mask:
        """Whether the catalogue has each track."""
        there: Mask = self.row != UNKNOWN
        return there


class TrackNames:
    """Which ids were told on the topic `tracks`, each with its artist.

    The first telling of an id counts: it decides which artist the track has wherever a catalogue
    lacks it, here and after a restart.
    """

    def __init__(self) -> None:
        self._artists: dict[bytes, int] = {}
        self._last: tuple[Tracks, dict[str, KnownTracks]] | None = None

    def __len__(self) -> int:
        return len(self._artists)

    def restore(self, key: bytes, value: bytes) -> None:
        """Learn a record of the topic."""
        message = data_set_pb2.TrackName.FromString(value)
        self._artists[key] = artist_key(message.artist)

    def forget(self, key: bytes) -> None:
        """Take in that a name was taken back: whoever plays the track next tells it again."""
        if self._artists.pop(key, None) is not None:
            self._last = None

    def look_up(self, tracks: Tracks, catalogue: Catalogue) -> KnownTracks:
        """Return what tracks count as.

        Sources that hand over the same tracks again and again are looked up once.
        """
        if self._last is None or self._last[0] is not tracks:
            self._last = (tracks, {})
        known = self._last[1].get(catalogue.version)
        if known is None:
            known = self._last[1][catalogue.version] = self._look_up(tracks, catalogue)
        return known

    def _look_up(self, tracks: Tracks, catalogue: Catalogue) -> KnownTracks:
        row = catalogue.rows(tracks.low)
        key, artist = tracks.low.copy(), tracks.artist_key.copy()
        found = row != UNKNOWN
        key[found] = catalogue.keys[row[found]]
        artist[found] = catalogue.artist_key[row[found]]
        unannounced: dict[bytes, int] = {}
        missing = np.flatnonzero(~found)
        packed = pack_keys(tracks.high[missing], tracks.low[missing]).tobytes()
        for place, index in enumerate(missing.tolist()):
            track_id = packed[16 * place : 16 * place + 16]
            told = self._artists.get(track_id)
            if told is not None:
                artist[index] = told
            else:
                artist[index] = tracks.artist_key[unannounced.setdefault(track_id, index)]
        return KnownTracks(key, artist, row, unannounced)

    def counts_as(self, high: Words, low: Words, catalogue: Catalogue) -> tuple[Words, Words]:
        """Return the keys that tracks of the log and their artists count under.

        The topic `tracks` was read before: it tells the artist of whatever the catalogue lacks.
        """
        row = catalogue.rows(low)
        key, artist = low.copy(), np.zeros_like(low)
        found = row != UNKNOWN
        key[found] = catalogue.keys[row[found]]
        artist[found] = catalogue.artist_key[row[found]]
        missing = np.flatnonzero(~found)
        packed = pack_keys(high[missing], low[missing]).tobytes()
        for place, index in enumerate(missing.tolist()):
            artist[index] = self._artists.get(packed[16 * place : 16 * place + 16], 0)
        return key, artist

    def commit(self, told: dict[bytes, int], tracks: Tracks) -> None:
        """Keep ids as told, with the artist of the index that names each."""
        for track_id, index in told.items():
            self._artists[track_id] = int(tracks.artist_key[index])
        if self._last is None or not told:
            return
        if self._last[0] is not tracks:
            self._last = None
            return
        for known in self._last[1].values():
            for track_id in told:
                known.unannounced.pop(track_id, None)


def track_name(tracks: Tracks, index: int) -> bytes:
    """Return the record of the topic `tracks` that tells what a track's id means."""
    return data_set_pb2.TrackName(
        track_high=int(tracks.high[index]),
        track_low=int(tracks.low[index]),
        title=tracks.title[index],
        artist=tracks.artist[index],
        album=tracks.album[index],
    ).SerializeToString()
