"""The catalogue: public facts about tracks, found by track key."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from sottovoce.catalogue.content import FEATURES, SCHEMA, canonical_table, content_hash
from sottovoce.catalogue.ids import NO_ARTIST, artist_keys, int_to_spotify_id, name_track_ids
from sottovoce.sketches.key_rows import find_sorted

UNKNOWN = -1
"""Stands for a row, a genre, a popularity or a duration that the catalogue does not know."""


@dataclass(frozen=True, eq=False, repr=False)
class Catalogue:
    """An immutable set of tracks, as columns of equal length sorted by track key.

    Make one with `from_table`, or read it from a file with `read_catalogue`. Two catalogues are
    equal if their versions are. The arrays are read-only.

    Attributes:
        table: The canonical content; its columns are `sottovoce.catalogue.content.SCHEMA`.
        version: SHA-256 of the content, in hex: the catalogue's name.
        high: High 64 bits of each track's id, uint64.
        keys: Track keys, the low 64 bits of each id, uint64, ascending.
        artist_key: Key of each track's primary artist, uint64; `NO_ARTIST` where it has none.
        genres: All genres, sorted.
        primary_genre: Index of each track's primary genre in `genres`, int32, or `UNKNOWN`.
        popularity: 0 to 100, int16, or `UNKNOWN`.
        duration_ms: Length in milliseconds, int32, or `UNKNOWN`.
        features: Audio features, float32, one column for each of `FEATURES`; nan where unknown.
    """

    table: pa.Table
    version: str
    high: NDArray[np.uint64]
    keys: NDArray[np.uint64]
    artist_key: NDArray[np.uint64]
    genres: tuple[str, ...]
    primary_genre: NDArray[np.int32]
    popularity: NDArray[np.int16]
    duration_ms: NDArray[np.int32]
    features: NDArray[np.float32]
    _lookup_keys: NDArray[np.uint64]
    _lookup_rows: NDArray[np.int64]

    @classmethod
    def from_table(cls, table: pa.Table) -> "Catalogue":
        """Build a catalogue from a table of `SCHEMA`, in whatever order its rows are.

        Raises:
            CatalogueError: The table is none, or two tracks share a key.
        """
        table = canonical_table(table)
        high = table.column("high").to_numpy()
        keys = table.column("low").to_numpy()
        primary_artists = _first_of_each(table.column("artists"))
        popularity = _filled(table.column("popularity"), np.int16)
        genres, primary_genre = _genre_index(table)
        lookup_keys, lookup_rows = _lookup(
            keys, high, popularity, primary_artists, table.column("name").to_pylist()
        )
        catalogue = cls(
            table=table,
            version=content_hash(table),
            high=high,
            keys=keys,
            artist_key=artist_keys(primary_artists),
            genres=genres,
            primary_genre=primary_genre,
            popularity=popularity,
            duration_ms=_filled(table.column("duration_ms"), np.int32),
            features=_feature_matrix(table),
            _lookup_keys=lookup_keys,
            _lookup_rows=lookup_rows,
        )
        for value in vars(catalogue).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        return catalogue

    @classmethod
    def empty(cls) -> "Catalogue":
        """The catalogue that knows no track."""
        return cls.from_table(SCHEMA.empty_table())

    def __repr__(self) -> str:
        return f"Catalogue({len(self)} tracks, version {self.version[:12]})"

    def __len__(self) -> int:
        return self.table.num_rows  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> bool:
        return self.version == other.version if isinstance(other, Catalogue) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.version)

    def rows(self, track_keys: ArrayLike) -> NDArray[np.int64]:
        """Find tracks by key.

        A key made of the names (`name_track_id`) of a track's primary artist and title finds that
        track too, so a listen whose source knows no ids counts for the same track. Where several
        tracks share both names, it finds the most popular, and of these the smallest id. Two
        different keys can therefore have one row.

        Args:
            track_keys: uint64 keys, known or not.

        Returns:
            The row of each key, int64; `UNKNOWN` where the catalogue lacks the track.
        """
        wanted = np.asarray(track_keys, dtype=np.uint64)
        if not self._lookup_keys.size:
            return np.full(wanted.shape, UNKNOWN, dtype=np.int64)
        places, found = find_sorted(self._lookup_keys, wanted)
        return np.where(found, self._lookup_rows[places], np.int64(UNKNOWN))

    def row(self, track_key: int) -> int:
        """The row of one track key, or `UNKNOWN`."""
        return int(self.rows(np.array([track_key], dtype=np.uint64))[0])

    def track_id(self, row: int) -> str:
        """The id of a row's track as 22 characters."""
        return int_to_spotify_id(int(self.high[row]), int(self.keys[row]))

    def name(self, row: int) -> str:
        """The title of a row's track; empty where unknown."""
        return self.table.column("name")[row].as_py() or ""

    def artists(self, row: int) -> tuple[str, ...]:
        """The artists of a row's track, the primary first."""
        return tuple(self.table.column("artists")[row].as_py())

    def genres_of(self, row: int) -> tuple[str, ...]:
        """All genres of a row's track, sorted."""
        return tuple(self.table.column("genres")[row].as_py())

    def artist_names(self, keys: ArrayLike) -> list[str | None]:
        """Names of artists by artist key; None for a key that no track's primary artist has.

        Where an artist is spelled in several ways, the spelling of the most popular track counts.
        """
        known, names = self._artist_spelling
        wanted = np.asarray(keys, dtype=np.uint64).ravel()
        places, found = find_sorted(known, wanted)
        return [names[place] if hit else None for place, hit in zip(places, found, strict=True)]

    @property
    def artist_keys(self) -> NDArray[np.uint64]:
        """The keys of all primary artists, distinct and ascending."""
        return self._artist_spelling[0]

    @cached_property
    def _artist_spelling(self) -> tuple[NDArray[np.uint64], list[str]]:
        best = np.lexsort((self.keys, self.high, -self.popularity, self.artist_key))
        best = best[self.artist_key[best] != NO_ARTIST]
        keys, first = np.unique(self.artist_key[best], return_index=True)
        names = _first_of_each(self.table.column("artists").take(pa.array(best[first])))
        return keys, [name or "" for name in names]


def _first_of_each(lists: pa.ChunkedArray) -> list[str | None]:
    return [items[0] if items else None for items in lists.to_pylist()]


def _filled[T: np.generic](column: pa.ChunkedArray, dtype: type[T]) -> NDArray[T]:
    values: NDArray[T] = pc.fill_null(column, UNKNOWN).to_numpy().astype(dtype)
    return values


def _genre_index(table: pa.Table) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    every = pc.unique(pc.list_flatten(table.column("genres"))).to_pylist()
    primary = table.column("primary_genre")
    genres = tuple(sorted({g for g in (*every, *pc.unique(primary).to_pylist()) if g is not None}))
    index = pc.index_in(primary, value_set=pa.array(genres, pa.string()))
    return genres, _filled(index, np.int32)


def _feature_matrix(table: pa.Table) -> NDArray[np.float32]:
    columns = [table.column(feature).to_numpy().astype(np.float32) for feature in FEATURES]
    return np.column_stack(columns)


def _lookup(
    keys: NDArray[np.uint64],
    high: NDArray[np.uint64],
    popularity: NDArray[np.int16],
    artists: Sequence[str | None],
    titles: Sequence[str | None],
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Own keys and keys made of names, ascending, and their rows; an own key goes before a name."""
    rows = np.arange(keys.size, dtype=np.int64)
    _, alias, named = name_track_ids(artists, titles)
    best = np.lexsort((keys, high, -popularity))
    best = best[named[best]]
    every_key = np.concatenate([keys, alias[best]])
    every_row = np.concatenate([rows, rows[best]])
    distinct, first = np.unique(every_key, return_index=True)
    return distinct, every_row[first]
