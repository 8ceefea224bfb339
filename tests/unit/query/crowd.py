"""A made-up crowd: its listens as rows that anybody can count, and as records of cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from sottovoce.catalogue import FEATURES, Catalogue, int_to_spotify_id, name_track_id
from sottovoce.catalogue.content import SCHEMA
from sottovoce.cells import CellContent, base_records, delta_records
from sottovoce.data_sets import DataSet, Terms, TermsTimeline
from sottovoce.wire import listens as wire
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2, data_set_pb2

LIVE = DataSet("live", True, 2_000, 30_000, 3, epoch=b"e" * 16, clock_guard_ms=0)
HISTORY = DataSet("history", False, 3_600_000, 86_400_000, 2, epoch=b"h" * 16)
START = 1_780_000_020_000 - 1_780_000_020_000 % 30_000
"""Start of the first slice of `live`."""
GENRES = ("ambient", "bebop", "chanson", "dub")
COUNTRIES = ("", "DE", "FR", "BR")


def make_catalogue(tracks: int = 40, seed: int = 0) -> Catalogue:
    random = np.random.default_rng(seed)
    rows = []
    for number in range(tracks):
        features = random.random(len(FEATURES)).tolist()
        rows.append(
            {
                "high": int(random.integers(1 << 62)),
                "low": int(random.integers(1 << 63)),
                "name": f"Made-up Song {number:02d}",
                "artists": [f"Made-up Artist {number % 9}", "Guest"],
                "primary_genre": None if number == 7 else GENRES[number % 4],
                "genres": [] if number == 7 else [GENRES[number % 4]],
                "popularity": number,
                "duration_ms": 200_000,
                **dict(zip(FEATURES, [None] * 9 if number == 5 else features, strict=True)),
            }
        )
    return Catalogue.from_table(pa.Table.from_pylist(rows, SCHEMA))


@dataclass(frozen=True)
class Row:
    """A listen as a person would write it down."""

    listener: int
    track: str
    title: str
    artist: str
    genre: str
    country: str
    end_ms: int
    ordinal: int
    first_of_track: bool
    first_of_artist: bool
    features: tuple | None


class Crowd:
    """Listens in slices of a data set from a start on.

    Of the tracks, some are told by artist and title though the catalogue has them, and two are
    outside the catalogue.
    """

    def __init__(self, data_set=LIVE, start_ms=START, slices=3, listens=900, listeners=70, seed=1):
        self.data_set = data_set
        self.catalogue = make_catalogue()
        self.terms = TermsTimeline(
            data_set.name, [Terms(data_set.name, catalogue_version=self.catalogue.version)]
        )
        random = np.random.default_rng(seed)
        self.start_ms, self.end_ms = start_ms, start_ms + slices * data_set.slice_ms
        self.pseudonyms = random.integers(0, 1 << 63, (listeners, 2), dtype=np.uint64)
        self.rows: list[Row] = []
        self.listens = wire.new_listens(listens)
        seen: dict[object, int] = {}
        times = np.sort(random.integers(start_ms, self.end_ms, listens))
        for place, end_ms in enumerate(times.tolist()):
            who = int(random.zipf(1.3)) % listeners
            song = min(int(random.zipf(1.4)) - 1, len(self.catalogue) + 1)
            row = self._row(who, song, end_ms, COUNTRIES[int(random.integers(4))], seen)
            self.rows.append(row)
            self._write(self.listens[place : place + 1], row, song, random)

    def names(self) -> Iterator[data_set_pb2.TrackName]:
        for number in range(2):
            high, low = name_track_id(f"Outsider {number}", "Unheard")
            yield data_set_pb2.TrackName(
                track_high=high, track_low=low, title="Unheard", artist=f"Outsider {number}"
            )

    def _row(self, who, song, end_ms, country, seen) -> Row:
        catalogue, size = self.catalogue, len(self.catalogue)
        if song < size:
            track, title = catalogue.track_id(song), catalogue.name(song)
            artist, genre = catalogue.artists(song)[0], catalogue.primary_genre[song]
            genre = catalogue.genres[genre] if genre >= 0 else "unknown"
            known = catalogue.features[song].astype(float)
            features = tuple(known) if np.isfinite(known).all() else None
        else:
            title, artist, genre = "Unheard", f"Outsider {song - size}", "unknown"
            track, features = int_to_spotify_id(*name_track_id(artist, title)), None
        block = self.data_set.slice_of(end_ms)

        def count(*key) -> int:
            seen[key] = seen.get(key, -1) + 1
            return seen[key]

        return Row(
            *(who, track, title, artist, genre, country, end_ms, count(block, who)),
            count(block, who, "track", track) == 0,
            count(block, who, "artist", artist) == 0,
            features,
        )

    def _write(self, listen, row, song, random) -> None:
        listen["listener_high"], listen["listener_low"] = self.pseudonyms[row.listener]
        by_name = song >= len(self.catalogue) or random.random() < 0.2
        if by_name:
            listen["track_high"], listen["track_low"] = name_track_id(row.artist, row.title)
        else:
            listen["track_high"] = self.catalogue.high[song]
            listen["track_low"] = self.catalogue.keys[song]
        listen["event_high"], listen["event_low"] = random.integers(0, 1 << 63, 2, dtype=np.uint64)
        listen["end_time_ms"] = row.end_ms
        listen["ms_played"] = 120_000
        listen["country"] = wire.country_code(row.country)
        listen["ordinal"] = row.ordinal
        listen["flags"] = (
            wire.MS_PLAYED_KNOWN
            | (wire.COUNTRY_KNOWN if row.country else 0)
            | (wire.FIRST_OF_TRACK if row.first_of_track else 0)
            | (wire.FIRST_OF_ARTIST if row.first_of_artist else 0)
        )

    def shards(self) -> np.ndarray:
        packed = wire.pack_keys(self.listens["listener_high"], self.listens["listener_low"])
        return np.array([wire.shard_of(each.tobytes(), self.data_set.shards) for each in packed])

    def records(
        self, through_ms=None, *, deltas=3, from_part=0, base=False
    ) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield (shard, key, value): each shard's listens in so many batches, each committed."""
        shards = self.shards()
        for shard in range(self.data_set.shards):
            mine = self.listens[shards == shard]
            parts = np.array_split(mine, 1 if base else deltas)
            offset = 0
            for number, part in enumerate(parts):
                if number >= from_part:
                    for key, value in self._cells(part, offset, base):
                        yield shard, key, value
                offset += len(part)
            yield (
                shard,
                *self.progress(shard, self.end_ms if through_ms is None else through_ms, offset),
            )

    def _cells(self, listens, offset, base):
        slices = listens["end_time_ms"] - listens["end_time_ms"] % np.uint64(self.data_set.slice_ms)
        for start_ms in np.unique(slices).tolist():
            content = CellContent()
            content.update(
                listens[slices == start_ms], slice_ms=start_ms, pane_ms=self.data_set.pane_ms
            )
            shared = {"slice_ms": start_ms, "blocks": [1], "epoch": self.data_set.epoch}
            through = offset + len(listens)
            if base:
                yield from base_records(content, through_offset=through, **shared)
            else:
                yield from delta_records(
                    content, from_offset=offset, through_offset=through, **shared
                )

    def progress(self, shard, through_ms, offset) -> tuple[bytes, bytes]:
        message = cell_pb2.ShardProgress(
            shard=shard,
            next_offset=offset,
            complete_through_ms=through_ms,
            format_version=1,
            epoch=self.data_set.epoch,
            admitted=offset,
            append_time_ms=through_ms + 300_000,
            committed_at_ms=through_ms + 300_000,
            refused=[cell_pb2.RefusalCount(refusal=cell_pb2.REFUSAL_LATE, count=shard)],
        )
        return CellKey(CellKeyKind.PROGRESS).to_bytes(), message.SerializeToString()

    def within(self, start_ms, end_ms) -> list[Row]:
        return [row for row in self.rows if start_ms <= row.end_ms < end_ms]

    def with_data_set(self, **changes) -> DataSet:
        return replace(self.data_set, **changes)
