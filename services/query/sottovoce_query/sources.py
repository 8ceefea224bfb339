"""What a question is answered from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import bad_question, not_found
from sottovoce_query.figures import CONFIDENCE
from sottovoce_query.gate import Gate
from sottovoce_query.held import HeldCells
from sottovoce_query.ranges import Grain, Range, grain_ms, read_range
from sottovoce_query.releases.releasing import Releasing
from sottovoce_query.similar import SimilarIndex
from sottovoce_query.tracks import TrackBook
from sottovoce_query.windows import Windows


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One data set: what is held of it, and the way out."""

    cells: HeldCells
    gate: Gate
    windows: Windows

    def range(self, message: query_pb2.TimeRange, grain: Grain) -> Range:
        """Return a request's range; see `read_range`."""
        return read_range(message, self.cells, self.gate, grain)

    def grain_ms(self, grain: Grain) -> int:
        """Return how long a step of a grain is."""
        return grain_ms(grain, self.cells, self.gate)

    def basis(self, asked: Range) -> query_pb2.Basis:
        """Return what an answer about a range rests on."""
        return query_pb2.Basis(
            data_set=self.cells.data_set.name,
            range=asked.to_message(),
            privacy_mode=self.gate.mode,
            catalogue_versions=[version for version in self.gate.versions(asked) if version],
            confidence=CONFIDENCE,
            notice=self.gate.notice,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """Every data set, what is known of tracks, and what was charged.

    Attributes:
        releasing: makes the releases; None in the mode personal.
    """

    by_name: Mapping[str, Source]
    book: TrackBook
    similar: SimilarIndex
    releasing: Releasing | None = None

    def of(self, data_set: str) -> Source:
        """Return a data set.

        Raises:
            QuestionError: there is none of this name.
        """
        source = self.by_name.get(data_set)
        if source is None:
            there = ", ".join(sorted(self.by_name))
            raise not_found(
                "DATA_SET_NOT_FOUND", f"no data set {data_set!r}; there are: {there}", there=there
            )
        return source


def read_size(size: int, default: int, most: int) -> int:
    """Read how many entries are wanted; 0 is the default.

    Raises:
        QuestionError: negative, or more than `most`.
    """
    if not 0 <= size <= most:
        raise bad_question("size", f"give 1 to {most:,}, or 0 for {default}; not {size}")
    return size or default
