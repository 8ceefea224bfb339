"""Indexes of songs that sound alike, and of their names, one for each catalogue asked about."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sottovoce.catalogue import Catalogue, SimilarTracks, normalise_name


class SimilarIndex:
    """Finds tracks of the newest catalogue by sound or by name; keeps one catalogue's index.

    Args:
        catalogue_of: the catalogue of a version.
    """

    def __init__(self, catalogue_of: Callable[[str], Catalogue]) -> None:
        self._catalogue_of = catalogue_of
        self._lock = threading.Lock()
        self._sounds: tuple[str, SimilarTracks] | None = None
        self._names: tuple[str, pa.Array] | None = None

    def sounds(self, version: str) -> SimilarTracks:
        """Return the index of a catalogue's sounds, made when first asked for."""
        with self._lock:
            if self._sounds is None or self._sounds[0] != version:
                index = SimilarTracks.from_catalogue(self._catalogue_of(version))
                self._sounds = version, index
            return self._sounds[1]

    def rows_named(self, version: str, text: str, size: int) -> list[int]:
        """Return the rows whose artists and title hold every word, the most popular first."""
        words = normalise_name(text).split()
        catalogue = self._catalogue_of(version)
        names = self._normal_names(version)
        found = np.ones(len(catalogue), np.bool_)
        for word in words:
            found &= pc.match_substring(names, word).to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(found)
        best = np.lexsort((rows, -catalogue.popularity[rows].astype(np.int64)))[:size]
        return [int(row) for row in rows[best]]

    def _normal_names(self, version: str) -> pa.Array:
        with self._lock:
            if self._names is None or self._names[0] != version:
                table = self._catalogue_of(version).table
                titles, artists = table.column("name"), table.column("artists")
                normal = [
                    normalise_name(" ".join((*names, title or "")))
                    for names, title in zip(artists.to_pylist(), titles.to_pylist(), strict=True)
                ]
                self._names = version, pa.array(normal, pa.string())
            return self._names[1]
