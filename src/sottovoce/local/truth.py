"""The exact answers, computed from what the producer says it wrote: by other means than ours."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sottovoce.catalogue import Catalogue, int_to_spotify_id, spotify_id_to_int
from sottovoce.client import TimeRange

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Truth:
    """Listens of one data set, exactly as they were written.

    Args:
        table: a row a listen, in the columns of the producer's truth files.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    @classmethod
    def read(cls, folder: Path, data_set: str) -> Self:
        """Read all truth files of a folder."""
        files = sorted(folder.glob("*.parquet"))
        table = pa.concat_tables(pq.read_table(each) for each in files).replace_schema_metadata()
        return cls(table.filter(pc.equal(table["data_set"], data_set)))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def within(self, asked: TimeRange) -> Truth:
        """Return the listens that ended in a range."""
        ends = self.table["end_time_ms"]
        inside = pc.and_(
            pc.greater_equal(ends, in_ms(asked.start)), pc.less(ends, in_ms(asked.end))
        )
        return Truth(self.table.filter(inside))

    @property
    def last_end_ms(self) -> int:
        """When the last listen ended."""
        return int(pc.max(self.table["end_time_ms"]).as_py())

    def slices(self, slice_ms: int) -> int:
        """Return in how many slices anybody listened."""
        return len(np.unique(self.table["end_time_ms"].to_numpy() // slice_ms))

    def distinct(self, column: str) -> int:
        """Return how many values a column has."""
        return int(pc.count_distinct(self.table[column]).as_py())

    def counts(self, column: str, marked: str | None = None) -> Counter[Any]:
        """Return how often each value of a column stands, among marked listens if told."""
        table = self.table if marked is None else self.table.filter(self.table[marked])
        pairs = pc.value_counts(table[column].combine_chunks())
        return Counter(
            dict(zip(pairs.field(0).to_pylist(), pairs.field(1).to_pylist(), strict=True))
        )

    def track_counts(self, marked: str | None = None) -> Counter[str]:
        """Return how often each track stands, by its id in base 62."""
        return Counter({spotify_id(k): n for k, n in self.counts("track_id", marked).items()})

    def arrivals(self) -> Truth:
        """Return each listener's first listen of each slice."""
        return Truth(self.table.filter(pc.equal(self.table["ordinal"], 0)))

    def of(self, column: str, value: str) -> Truth:
        """Return the listens that have a value."""
        return Truth(self.table.filter(pc.equal(self.table[column], value)))

    def rows(self) -> set[tuple[str, str, datetime, timedelta, str, bool]]:
        """Return each listen as a sample would show it."""
        columns = ("track_id", "artist", "end_time_ms", "ms_played", "country", "skipped")
        lists = [self.table[name].to_pylist() for name in columns]
        return {
            (
                spotify_id(track),
                artist,
                _EPOCH + timedelta(milliseconds=end),
                timedelta(milliseconds=heard or 0),
                country,
                skipped,
            )
            for track, artist, end, heard, country, skipped in zip(*lists, strict=True)
        }

    def correlations(self, catalogue: Catalogue) -> npt.NDArray[np.float64]:
        """Return how features go together over plays of tracks whose features are all known."""
        rows = catalogue.rows(self.table["track_key"].to_numpy())
        features = catalogue.features[rows[rows >= 0]].astype(np.float64)
        known = features[~np.isnan(features).any(axis=1)]
        matrix: npt.NDArray[np.float64] = np.asarray(np.corrcoef(known, rowvar=False))
        return matrix


def similarities(catalogue: Catalogue, row: int) -> npt.NDArray[np.float64]:
    """Return the cosine of every track's standardised features with those of one, by brute force.

    The track itself, and tracks without all features, have -inf.
    """
    features = catalogue.features.astype(np.float64)
    known = ~np.isnan(features).any(axis=1)
    spread = features[known].std(axis=0)
    scaled = (features - features[known].mean(axis=0)) / np.where(spread > 0, spread, 1)
    lengths = np.linalg.norm(scaled, axis=1)
    cosines: npt.NDArray[np.float64] = scaled @ scaled[row] / (lengths * lengths[row])
    cosines[~known] = -np.inf
    cosines[row] = -np.inf
    return cosines


def spotify_id(hexadecimal: str) -> str:
    """Return a track's id, 32 hexadecimal digits in truth files, in base 62."""
    return int_to_spotify_id(int(hexadecimal[:16], 16), int(hexadecimal[16:], 16))


def hexadecimal(spotify_id: str) -> str:
    """Return a track's id in base 62 as truth files have it."""
    high, low = spotify_id_to_int(spotify_id)
    return f"{high:016x}{low:016x}"


def in_ms(moment: datetime) -> int:
    """Return a time in milliseconds since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
