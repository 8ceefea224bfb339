"""What a track's key means: the catalogue first, then the names that the writer told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import (
    NO_ARTIST,
    UNKNOWN,
    Catalogue,
    TrackIdError,
    artist_key,
    int_to_spotify_id,
    name_track_id,
    spotify_id_to_int,
)
from sottovoce.wire.v1 import data_set_pb2, query_pb2
from sottovoce_query.errors import bad_question
from sottovoce_query.merged_slice import Keys

UNKNOWN_GENRE: Final = "unknown"


class Named(NamedTuple):
    """A track as the topic `tracks` tells it."""

    high: int
    title: str
    artist: str
    artist_key: int


class TrackNames:
    """The topic `tracks`, by track key.

    Attributes:
        version: grows when a name comes for a key that was asked for in vain, because answers
            given before then lacked it, and when one is taken back, because they had it.
    """

    def __init__(self) -> None:
        self.version = 0
        self._names: dict[int, Named] = {}
        self._artists: dict[int, str] = {NO_ARTIST: ""}
        self._missed: set[int] = set()

    def __len__(self) -> int:
        return len(self._names)

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take in a record; without a value it takes a name back."""
        if value is None:
            self._take_back(int.from_bytes(key[8:], "big"))
            return
        name = data_set_pb2.TrackName.FromString(value)
        artist = artist_key(name.artist)
        self._artists.setdefault(artist, name.artist)
        self._names[name.track_low] = Named(name.track_high, name.title, name.artist, artist)
        if name.track_low in self._missed:
            self._missed.discard(name.track_low)
            self.version += 1

    def _take_back(self, key: int) -> None:
        gone = self._names.pop(key, None)
        if gone is None:
            return
        if not any(each.artist_key == gone.artist_key for each in list(self._names.values())):
            self._artists.pop(gone.artist_key, None)
        self.version += 1

    def get(self, key: int) -> Named | None:
        """Return what is told of a key."""
        found = self._names.get(key)
        if found is None:
            self._missed.add(key)
            # It may have come from the other thread before it was missed.
            found = self._names.get(key)
        return found

    def artist_name(self, key: int) -> str | None:
        """Return how an artist is spelled."""
        return self._artists.get(key)


class TrackBook:
    """Joins track keys with catalogues and names.

    Args:
        catalogue_of: the catalogue of a version.
        latest: the version that new slices are pinned to.
        names: the topic `tracks`.
    """

    def __init__(
        self,
        catalogue_of: Callable[[str], Catalogue],
        latest: Callable[[], str],
        names: TrackNames,
    ) -> None:
        self.catalogue_of = catalogue_of
        self._latest = latest
        self.names = names

    @property
    def latest(self) -> str:
        """The version of the catalogue that new slices are pinned to."""
        return self._latest()

    def track(self, key: int, versions: Iterable[str] = ()) -> query_pb2.Track:
        """Return a track's message, from the first of these catalogues that has it."""
        for version in dict.fromkeys((*versions, self.latest)):
            catalogue = self.catalogue_of(version)
            row = catalogue.row(key)
            if row != UNKNOWN:
                return catalogue_track(catalogue, row)
        named = self.names.get(key)
        if named is None:
            return query_pb2.Track(genre=UNKNOWN_GENRE)
        return query_pb2.Track(
            id=int_to_spotify_id(named.high, key),
            title=named.title,
            artists=[named.artist] if named.artist else [],
            genre=UNKNOWN_GENRE,
        )

    def id_highs(
        self, keys: Keys, versions: Iterable[str]
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
        """Return the upper halves of tracks' ids, and which of them are known."""
        high = np.zeros(len(keys), np.uint64)
        known = np.zeros(len(keys), np.bool_)
        for version in dict.fromkeys((*versions, self.latest)):
            catalogue = self.catalogue_of(version)
            rows = catalogue.rows(keys)
            fresh = (rows != UNKNOWN) & ~known
            high[fresh] = catalogue.high[rows[fresh]]
            known |= fresh
        for place in np.flatnonzero(~known).tolist():
            named = self.names.get(int(keys[place]))
            if named is not None:
                high[place], known[place] = named.high, True
        return high, known

    def artists_of(self, keys: Keys, version: str) -> Keys:
        """Return each track's primary artist's key; `NO_ARTIST` where nobody knows."""
        catalogue = self.catalogue_of(version)
        rows = catalogue.rows(keys)
        artists = np.full(len(keys), NO_ARTIST, np.uint64)
        known = rows != UNKNOWN
        artists[known] = catalogue.artist_key[rows[known]]
        for place in np.flatnonzero(~known).tolist():
            named = self.names.get(int(keys[place]))
            if named is not None:
                artists[place] = named.artist_key
        return artists

    def artist_names(self, keys: Keys, versions: Iterable[str]) -> list[str]:
        """Return how artists are spelled; empty where nobody knows."""
        names: list[str | None] = [None] * len(keys)
        for version in dict.fromkeys((*versions, self.latest)):
            found = self.catalogue_of(version).artist_names(keys)
            names = [name if name is not None else more for name, more in zip(names, found)]  # noqa: B905
        return [
            name if name is not None else self.names.artist_name(int(key)) or ""
            for name, key in zip(names, keys, strict=True)
        ]

    def genres_of(self, keys: Keys, version: str) -> tuple[npt.NDArray[np.int64], list[str]]:
        """Return each track's genre as a place in the list that follows, the last "unknown"."""
        catalogue = self.catalogue_of(version)
        names = [*catalogue.genres, UNKNOWN_GENRE]
        rows = catalogue.rows(keys)
        genres = np.full(len(keys), len(names) - 1, np.int64)
        known = rows != UNKNOWN
        primary = catalogue.primary_genre[rows[known]].astype(np.int64)
        genres[known] = np.where(primary == UNKNOWN, len(names) - 1, primary)
        return genres, names

    def keys_of(self, ref: query_pb2.TrackRef, field: str, versions: Iterable[str]) -> Keys:
        """Return every key under which slices pinned to these catalogues may count a track.

        Raises:
            QuestionError: neither a Spotify id nor artist and title.
        """
        try:
            if ref.spotify_id:
                key = spotify_id_to_int(ref.spotify_id)[1]
            elif ref.artist and ref.title:
                key = name_track_id(ref.artist, ref.title)[1]
            else:
                raise bad_question(field, "give spotify_id, or artist and title")
        except TrackIdError as error:
            raise bad_question(field, str(error)) from error
        keys = {key}
        for version in dict.fromkeys((*versions, self.latest)):
            catalogue = self.catalogue_of(version)
            row = catalogue.row(key)
            if row == UNKNOWN:
                continue
            keys.add(int(catalogue.keys[row]))
            artists = catalogue.artists(row)
            if ref.spotify_id and artists and catalogue.name(row):
                keys |= self._named_alike(catalogue, row, artists[0])
        return np.array(sorted(keys), np.uint64)

    def _named_alike(self, catalogue: Catalogue, row: int, artist: str) -> set[int]:
        """The key made of a track's names, where it stands for this track and no other."""
        try:
            alias = name_track_id(artist, catalogue.name(row))[1]
        except TrackIdError:
            return set()
        return {alias} if catalogue.row(alias) == row else set()


def catalogue_track(catalogue: Catalogue, row: int) -> query_pb2.Track:
    """Return a catalogue's row as a message."""
    genre = int(catalogue.primary_genre[row])
    return query_pb2.Track(
        id=catalogue.track_id(row),
        title=catalogue.name(row),
        artists=catalogue.artists(row),
        genre=UNKNOWN_GENRE if genre == UNKNOWN else catalogue.genres[genre],
        in_catalogue=True,
    )


class CatalogueShelf:
    """Catalogues by version, unpacked once, for several threads.

    Args:
        unpack: makes a catalogue of its version.
    """

    def __init__(self, unpack: Callable[[str], Catalogue]) -> None:
        self._unpack = unpack
        self._lock = threading.Lock()
        self._held: dict[str, Catalogue] = {}

    def __call__(self, version: str) -> Catalogue:
        """Return a version of the catalogue."""
        found = self._held.get(version)
        if found is None:
            with self._lock:
                found = self._held.get(version) or self._unpack(version)
                self._held[version] = found
        return found
