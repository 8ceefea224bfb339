"""Exactly what the writer wrote, for comparing answers with: for tests and demos.

Each transaction's listens go to a file of their own, which gets its final name behind the commit.
A file that a crash left without it is kept if its cursor is the one in the log, else removed. So
the folder holds what was committed, once, as long as every batch has a cursor.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sottovoce.catalogue import UNKNOWN, Catalogue
from sottovoce.data_sets.registry import Registry
from sottovoce.wire.listens import (
    FIRST_OF_ARTIST,
    FIRST_OF_TRACK,
    MS_PLAYED_KNOWN,
    SKIPPED,
    Listens,
    country_name,
    pack_keys,
)
from sottovoce_producer.errors import TruthError
from sottovoce_producer.intake import Admitted
from sottovoce_producer.plays import Plays
from sottovoce_producer.state import WriterState
from sottovoce_producer.writer import Batch

_SOURCE: Final = b"sottovoce.source"
_CURSOR: Final = b"sottovoce.cursor"
_PENDING: Final = "pending.parquet.part"
UNKNOWN_GENRE: Final = "unknown"


class Truth:
    """Writes what was committed to a folder of Parquet files.

    Args:
        folder: where; made if it is not there.
        registry: knows the catalogues that slices are pinned to.
        state: the writer's, as recovered: says whether a pending file was committed.
        cursor_suffix: as the writer adds to the names of sources.

    Raises:
        TruthError: the folder can't be used.
    """

    def __init__(
        self, folder: Path, registry: Registry, state: WriterState, cursor_suffix: str = ""
    ) -> None:
        self._suffix = cursor_suffix
        self._folder = folder
        self._registry = registry
        try:
            folder.mkdir(parents=True, exist_ok=True)
            numbers = [int(path.stem) for path in folder.glob("[0-9]*.parquet")]
            self._numbers = itertools.count(max(numbers, default=-1) + 1)
            self._settle(state)
        except OSError as error:
            raise TruthError(f"truth_folder {folder} can't be used: {error.strerror}") from error

    def _settle(self, state: WriterState) -> None:
        pending = self._folder / _PENDING
        if not pending.exists():
            return
        try:
            metadata = pq.read_schema(pending).metadata or {}
        except (pa.ArrowInvalid, OSError):
            metadata = {}
        source = metadata.get(_SOURCE, b"").decode()
        if _CURSOR in metadata and state.cursors.get(source) == metadata[_CURSOR]:
            self.after_commit()
        else:
            pending.unlink()

    def before_commit(self, batch: Batch, written: Mapping[str, Admitted]) -> None:
        """Write the file of a transaction that is about to be written."""
        tables = [
            self._table(name, batch.plays, admitted)
            for name, admitted in written.items()
            if len(admitted.listens)
        ]
        if not tables:
            return
        table = pa.concat_tables(tables)
        metadata = {_SOURCE: (batch.source + self._suffix).encode()}
        if batch.cursor is not None:
            metadata[_CURSOR] = batch.cursor
        pq.write_table(
            table.replace_schema_metadata(metadata), self._folder / _PENDING, compression="zstd"
        )

    def after_commit(self) -> None:
        """Give the pending file its name."""
        pending = self._folder / _PENDING
        if pending.exists():
            pending.rename(self._folder / f"{next(self._numbers):09d}.parquet")

    def _table(self, data_set: str, plays: Plays, admitted: Admitted) -> pa.Table:
        listens = admitted.listens
        genre, artist = self._meaning(data_set, plays, admitted)
        flags = listens["flags"]
        codes, inverse = np.unique(listens["country"], return_inverse=True)
        countries = pa.array([country_name(int(code)) for code in codes])
        return pa.table(
            {
                "data_set": pa.repeat(data_set, len(listens)),
                "end_time_ms": listens["end_time_ms"].astype(np.int64),
                "listener": _hex(listens, "listener"),
                "event": _hex(listens, "event"),
                "track_id": _hex(listens, "track"),
                "track_key": admitted.track_keys,
                "title": pa.array(plays.tracks.title).take(pa.array(admitted.tracks)),
                "artist": artist,
                "artist_key": admitted.artist_keys,
                "genre": genre,
                "country": countries.take(pa.array(inverse)),
                "ms_played": pa.array(
                    listens["ms_played"].astype(np.int64), mask=(flags & MS_PLAYED_KNOWN) == 0
                ),
                "skipped": (flags & SKIPPED) != 0,
                "ordinal": listens["ordinal"].astype(np.int32),
                "first_of_track": (flags & FIRST_OF_TRACK) != 0,
                "first_of_artist": (flags & FIRST_OF_ARTIST) != 0,
            }
        )

    def _meaning(
        self, data_set: str, plays: Plays, admitted: Admitted
    ) -> tuple[pa.Array, pa.Array]:
        """Return genre and artist of each listen as its slice's pinned catalogue has them."""
        terms = self._registry.terms(data_set)
        end = admitted.listens["end_time_ms"].astype(np.int64)
        place = np.searchsorted(terms.starts, end, "right") - 1
        genre = np.full(len(end), UNKNOWN_GENRE, object)
        artist = np.array(plays.tracks.artist, object)[admitted.tracks]
        for number, pinned in enumerate(terms):
            under = np.flatnonzero(place == number)
            if not under.size:
                continue
            catalogue = self._registry.catalogue(pinned.catalogue_version)
            keys, inverse = np.unique(admitted.track_keys[under], return_inverse=True)
            rows = catalogue.rows(keys)
            known = rows != UNKNOWN
            genres = np.array([_genre(catalogue, row) for row in rows.tolist()], object)
            names = np.array([_artist(catalogue, row) for row in rows.tolist()], object)
            genre[under] = genres[inverse]
            inside = known[inverse]
            artist[under[inside]] = names[inverse][inside]
        return pa.array(genre, pa.string()), pa.array(artist, pa.string())


def _genre(catalogue: Catalogue, row: int) -> str:
    index = UNKNOWN if row == UNKNOWN else int(catalogue.primary_genre[row])
    return UNKNOWN_GENRE if index == UNKNOWN else catalogue.genres[index]


def _artist(catalogue: Catalogue, row: int) -> str:
    artists = () if row == UNKNOWN else catalogue.artists(row)
    return artists[0] if artists else ""


def _hex(listens: Listens, what: str) -> pa.Array:
    packed = pack_keys(listens[f"{what}_high"], listens[f"{what}_low"]).tobytes().hex()
    return pa.array([packed[at : at + 32] for at in range(0, len(packed), 32)], pa.string())
