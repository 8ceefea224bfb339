"""What is kept of the listens of one shard in one slice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from sottovoce.cells.errors import CellsError
from sottovoce.sketches import BottomKSample, FlajoletMartin, KeyCounts, Sketch, hash_keys
from sottovoce.wire.listens import COUNTRY_KNOWN, FIRST_OF_ARTIST, FIRST_OF_TRACK, Listens
from sottovoce.wire.v1 import cell_pb2

SAMPLE_SIZE: Final = 64
"""How many listens the sample of a cell keeps."""

SAMPLED_DTYPE: Final = np.dtype(
    [
        ("listener_high", "<u8"),
        ("listener_low", "<u8"),
        ("track_high", "<u8"),
        ("track_low", "<u8"),
        ("end_time_ms", "<u8"),
        ("ms_played", "<u4"),
        ("country", "<u4"),
        ("flags", "<u4"),
    ]
)
"""A listen as the sample keeps it, without its event id, which is its rank."""

PLAYS, FIRSTS_OF_TRACK, FIRSTS_OF_ARTIST = range(3)
"""The columns of `CellContent.plays`."""

_HEAD_BYTES: Final = 8


class CellContent:
    """The sketches of one cell.

    **Guarantee:** `payload()` is a pure function of the multiset of listens that went in: any
    order, any batching, any merge tree.

    Attributes:
        plays: (pane number in the slice, track key): plays, first-of-track and first-of-artist
            marks.
        countries: (pane number, country code): plays; 0 where the country is unknown.
        arrivals: (pane number, 0): listens with ordinal 0.
        listeners: distinct listeners.
        sample: listens with the smallest event ids, as `SAMPLED_DTYPE`.
    """

    __slots__ = ("arrivals", "countries", "listeners", "plays", "sample")

    def __init__(self) -> None:
        self.plays = KeyCounts(3)
        self.countries = KeyCounts(1)
        self.arrivals = KeyCounts(1)
        self.listeners = FlajoletMartin()
        self.sample = BottomKSample(SAMPLE_SIZE)

    def update(
        self,
        listens: Listens,
        *,
        slice_ms: int,
        pane_ms: int,
        listener_hashes: npt.NDArray[np.uint64] | None = None,
    ) -> None:
        """Count listens of this slice.

        Args:
            listens: admitted listens, all with their ends in the slice.
            slice_ms: the slice's start.
            pane_ms: the grain of panes.
            listener_hashes: `hash_keys` of the listeners, where they are known already.
        """
        if not len(listens):
            return
        panes = ((listens["end_time_ms"] - np.uint64(slice_ms)) // np.uint64(pane_ms)).astype(
            np.uint32
        )
        flags = np.ascontiguousarray(listens["flags"])
        counts = np.empty((len(listens), 3), np.int64)
        counts[:, PLAYS] = 1
        counts[:, FIRSTS_OF_TRACK] = (flags & FIRST_OF_TRACK) != 0
        counts[:, FIRSTS_OF_ARTIST] = (flags & FIRST_OF_ARTIST) != 0
        self.plays.add(panes, listens["track_low"], counts)
        countries = np.where(flags & COUNTRY_KNOWN, listens["country"], 0)
        _count(self.countries, panes, countries.astype(np.uint64))
        first = panes[listens["ordinal"] == 0]
        _count(self.arrivals, first, np.zeros(len(first), np.uint64))
        if listener_hashes is None:
            listener_hashes = hash_keys(listens["listener_high"], listens["listener_low"])[0]
        self.listeners.update_hashes(listener_hashes)
        self._sample(listens)

    def _sample(self, listens: Listens) -> None:
        high = np.ascontiguousarray(listens["event_high"])
        if len(listens) > 4 * SAMPLE_SIZE:
            # Whatever is not among the k smallest of these can't be among the k smallest of all,
            # unless an event stands here twice: so look wider until k distinct ones are in.
            least = np.partition(high, 2 * SAMPLE_SIZE)[2 * SAMPLE_SIZE]
            few = high <= least
            if len(np.unique(high[few])) > SAMPLE_SIZE:
                listens, high = listens[few], high[few]
        sampled = np.empty(len(listens), SAMPLED_DTYPE)
        for name in SAMPLED_DTYPE.names or ():
            sampled[name] = listens[name]
        rows = sampled.view(np.uint8).reshape(len(sampled), SAMPLED_DTYPE.itemsize)
        self.sample.add(high, np.ascontiguousarray(listens["event_low"]), rows)

    def sketches(self) -> Iterator[tuple[cell_pb2.CellSketch.ValueType, Sketch]]:
        """Yield each sketch with its name on the wire, in a fixed order."""
        yield cell_pb2.CELL_SKETCH_PLAYS, self.plays
        yield cell_pb2.CELL_SKETCH_COUNTRIES, self.countries
        yield cell_pb2.CELL_SKETCH_ARRIVALS, self.arrivals
        yield cell_pb2.CELL_SKETCH_LISTENERS, self.listeners
        yield cell_pb2.CELL_SKETCH_SAMPLE, self.sample

    def merge(self, other: CellContent) -> None:
        """Take in another cell's listens."""
        for (_, mine), (_, theirs) in zip(self.sketches(), other.sketches(), strict=True):
            mine.merge(theirs)

    def merge_bytes(self, sketch: cell_pb2.CellSketch.ValueType, data: bytes) -> None:
        """Take in a sketch, or a part of one, as it stands on the wire.

        Raises:
            CellsError: no sketch of a cell that this version knows.
            SketchError: the bytes can't be read.
        """
        for name, mine in self.sketches():
            if name == sketch:
                mine.merge(type(mine).from_bytes(data))
                return
        raise CellsError(f"sketch {sketch} of a cell is unknown to this version: upgrade sottovoce")

    def payload(self) -> bytes:
        """Return the canonical bytes: two contents are equal exactly if these are."""
        parts = []
        for name, sketch in self.sketches():
            body = sketch.payload()
            parts += [bytes([name]), len(body).to_bytes(_HEAD_BYTES, "little"), body]
        return b"".join(parts)

    def sampled_listens(self) -> npt.NDArray[np.void]:
        """Return the sample as an array of `SAMPLED_DTYPE`, by ascending event id."""
        return np.frombuffer(b"".join(self.sample.payloads), SAMPLED_DTYPE)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CellContent):
            return NotImplemented
        return self.payload() == other.payload()

    __hash__ = None  # type: ignore[assignment]


def _count(counts: KeyCounts, groups: npt.NDArray[np.uint32], keys: npt.NDArray[np.uint64]) -> None:
    """Count rows of few distinct groups and small keys."""
    packed = groups.astype(np.uint64) << np.uint64(32) | keys
    distinct, times = np.unique(packed, return_counts=True)
    counts.add(
        (distinct >> np.uint64(32)).astype(np.uint32),
        distinct & np.uint64(0xFFFFFFFF),
        times.astype(np.int64),
    )
