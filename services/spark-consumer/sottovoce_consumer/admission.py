"""Whether a listen counts: a function of its record and of its slice's pinned terms alone.

No running maximum, no watermark: one listener's record never decides over another's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from sottovoce.data_sets.data_set import DataSet
from sottovoce.data_sets.terms import Terms
from sottovoce.wire.listens import Listens, shard_of
from sottovoce.wire.v1 import cell_pb2
from sottovoce_consumer.placing import shards_of

type Milliseconds = npt.NDArray[np.int64]
type Codes = npt.NDArray[np.uint8]

END_OF_TIME_MS: Final = 253_402_300_800_000
"""The year 10000: an end beyond it is refused whatever the clock."""

_NEVER: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class SealTimeline:
    """The seals of a shard's log and where they stand.

    Attributes:
        offsets: where each stands, ascending.
        through_ms: what each seals, exclusive.
    """

    offsets: tuple[int, ...] = ()
    through_ms: tuple[int, ...] = ()

    def with_seal(self, offset: int, through_ms: int) -> SealTimeline:
        """Return these and one that stands behind them."""
        return SealTimeline((*self.offsets, offset), (*self.through_ms, through_ms))

    def standing_before(self, offsets: npt.NDArray[np.int64]) -> Milliseconds:
        """Return for each offset through when everything is sealed there; it never falls."""
        through = np.maximum.accumulate(np.array([_NEVER, *self.through_ms], np.int64))
        return through[np.searchsorted(np.array(self.offsets, np.int64), offsets, side="left")]

    @property
    def last_ms(self) -> int:
        """Through when everything is sealed behind all of them; 0 where there is none."""
        return max(self.through_ms, default=0)


@dataclass(frozen=True, slots=True)
class Admission:
    """The rules of one data set.

    Attributes:
        data_set: its constants.
        terms: its terms, ascending by their first slice.
    """

    data_set: DataSet
    terms: tuple[Terms, ...]
    _starts: npt.NDArray[np.int64] = field(init=False, repr=False, compare=False)
    _columns: npt.NDArray[np.int64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = [(each.lateness_ms, each.future_ms, each.listens_per_slice) for each in self.terms]
        object.__setattr__(self, "_starts", np.array([each.from_ms for each in self.terms], "i8"))
        object.__setattr__(self, "_columns", np.array(rows, "i8").reshape(-1, 3))

    def judge(
        self,
        listens: Listens,
        append_ms: Milliseconds,
        *,
        shard: int,
        sealed_ms: Milliseconds | None = None,
        keys_fit: npt.NDArray[np.bool_] | None = None,
    ) -> Codes:
        """Return the `Refusal` of each listen, 0 for those admitted.

        Args:
            listens: the listens.
            append_ms: the broker's stamp of each.
            shard: the shard that they were read from.
            sealed_ms: through when everything was sealed where each stands; for the clock of seals.
            keys_fit: whether the key of each is that of its content.
        """
        refused = np.zeros(len(listens), np.uint8)
        ends = np.minimum(listens["end_time_ms"], np.uint64(END_OF_TIME_MS)).astype(np.int64)
        slices = ends - ends % self.data_set.slice_ms
        ruling = np.searchsorted(self._starts, slices, side="right") - 1
        unruled = (ruling < 0) | (ends < self.data_set.first_ms)
        if len(self._columns):
            lateness, future, bound = self._columns[np.maximum(ruling, 0)].T
        else:
            lateness = future = bound = np.zeros(len(listens), np.int64)
        # What is written last holds: from the weakest reason to the strongest.
        refused[listens["ordinal"] >= bound] = cell_pb2.REFUSAL_OVER_BOUND
        too_far = ends >= END_OF_TIME_MS
        if self.data_set.by_append_time:
            too_far |= ends - append_ms > future
            late = append_ms - ends > lateness
        else:
            late = ends < sealed_ms if sealed_ms is not None else np.zeros(len(listens), np.bool_)
        refused[too_far] = cell_pb2.REFUSAL_FUTURE
        refused[late] = cell_pb2.REFUSAL_LATE
        refused[unruled] = cell_pb2.REFUSAL_BEFORE_FIRST
        here = shards_of(listens["listener_high"], listens["listener_low"], self.data_set.shards)
        misplaced = here != shard
        if keys_fit is not None:
            misplaced |= ~keys_fit
        refused[misplaced] = cell_pb2.REFUSAL_MISPLACED
        return refused

    def complete_through(self, append_ms: int) -> int:
        """Return through when panes are complete once a record of this stamp was read.

        Only for data sets whose clock is the append time. A pane is complete when it ended its
        slice's lateness and the guard for brokers' clocks ago; every pane before it is, too.
        """
        through = 0
        for number, terms in enumerate(self.terms):
            reached = append_ms - terms.lateness_ms - self.data_set.clock_guard_ms
            through = max(through, self.data_set.pane_of(max(reached, 0)))
            if number + 1 < len(self.terms) and through < self.terms[number + 1].from_ms:
                break
            if number + 1 < len(self.terms):
                through = self.terms[number + 1].from_ms
        return through

    def detail(
        self, refusal: int, listen: np.void, append_ms: int, shard: int, sealed_ms: int
    ) -> str:
        """Return one sentence on why a listen was refused."""
        end = int(listen["end_time_ms"])
        if refusal == cell_pb2.REFUSAL_MISPLACED:
            pseudonym = int(listen["listener_high"]).to_bytes(8, "big") + int(
                listen["listener_low"]
            ).to_bytes(8, "big")
            right = shard_of(pseudonym, self.data_set.shards)
            if right != shard:
                return f"it stands in shard {shard}, its listener's is {right}"
            return "its key is not that of its listener and event"
        if refusal == cell_pb2.REFUSAL_BEFORE_FIRST:
            return f"its end {end} ms is before the first that counts, {self.data_set.first_ms} ms"
        if refusal == cell_pb2.REFUSAL_FUTURE:
            return f"its end {end} ms is {end - append_ms} ms after it was written"
        if refusal == cell_pb2.REFUSAL_LATE and not self.data_set.by_append_time:
            return f"its end {end} ms is sealed: everything before {sealed_ms} ms is"
        if refusal == cell_pb2.REFUSAL_LATE:
            return f"its end {end} ms is {append_ms - end} ms before it was written"
        return f"its ordinal {int(listen['ordinal'])} is not below the bound of its slice"
