"""What the consumer knows of erasures: who is denied, and what is to be done in which shard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sottovoce.erasure.book import (
    DENIED,
    GONE,
    NOTHING,
    REBUILT,
    TOMBSTONED,
    ErasureBook,
    Request,
    Step,
)
from sottovoce.wire.listens import shard_of
from sottovoce.wire.v1 import erasure_pb2
from sottovoce_consumer.denying import DenyList
from sottovoce_consumer.ranges import ShardRef


class Erasures:
    """Requests and their states in the shards that this consumer counts.

    Not for two threads at once: whoever commits owns it.

    Args:
        book: the topic's records, read to the end.
        shards: how many shards each data set has.
    """

    def __init__(self, book: ErasureBook, shards: dict[str, int]) -> None:
        self._book = book
        self._shards = dict(shards)
        self._refs = [(name, shard) for name, count in shards.items() for shard in range(count)]
        self._open: dict[str, Request] = {}
        self._steps: dict[str, Step] = {}
        self._denied: DenyList | None = None
        self.through = 0
        self.learn(book.requests.values())

    def learn(self, requests: Iterable[Request]) -> None:
        """Take in requests, in the order in which they stand in `erasures`."""
        for request in requests:
            self._book.learn(request)
            self.through = max(self.through, request.offset + 1)
            self._denied = None
            step = self._book.step(request.erasure, self._refs)
            if step < GONE:
                self._open[request.erasure] = request
                self._steps[request.erasure] = step

    def take(self, states: Iterable[erasure_pb2.ErasureState]) -> None:
        """Take in what was committed."""
        for state in states:
            self._book.take(state)
            if state.erasure not in self._open:
                continue
            step = self._book.step(state.erasure, self._refs)
            if step >= TOMBSTONED:
                self._denied = None
            self._steps[state.erasure] = step
            if step == GONE:
                del self._open[state.erasure], self._steps[state.erasure]

    def denied(self) -> DenyList:
        """Return whom batches pass over: until every record of theirs has its tombstone."""
        if self._denied is None:
            waiting = (
                each.pseudonym
                for each in self._open.values()
                if self._steps[each.erasure] < TOMBSTONED
            )
            self._denied = DenyList.of(waiting, self.through)
        return self._denied

    @property
    def awaits_denial(self) -> bool:
        """Whether there are requests that a shard does not deny yet."""
        return NOTHING in self._steps.values()

    def excluded(self, ref: ShardRef) -> DenyList:
        """Return whom a replay of a shard passes over: until their records have been seen gone.

        Not whoever is not denied there yet: the index must go on to name the blocks of theirs.
        """
        return DenyList.of(
            each.pseudonym
            for each in self._open.values()
            if self._book.state(each.erasure, ref) is not None
        )

    def unbegun(self, ref: ShardRef, through: int) -> list[Request]:
        """Return the requests before an offset of `erasures` that a shard doesn't deny yet."""
        return [
            each
            for each in self._open_below(DENIED)
            if each.offset < through and self._book.state(each.erasure, ref) is None
        ]

    def at(self, ref: ShardRef, step: Step) -> list[tuple[Request, erasure_pb2.ErasureState]]:
        """Return the erasures that stand at a step in a shard."""
        found = []
        for request in self._open_below(step + 1):
            state = self._book.state(request.erasure, ref)
            if state is not None and state.step == step:
                found.append((request, state))
        return found

    def _open_below(self, step: int) -> Iterator[Request]:
        """Yield the requests that some shard has carried less far than a step."""
        return (each for each in self._open.values() if self._steps[each.erasure] < step)

    def holds_folds(self, ref: ShardRef) -> bool:
        """Return whether a shard has cells to be rebuilt, which must not be folded before."""
        return bool(self.at(ref, DENIED))

    def home(self, request: Request, name: str) -> ShardRef:
        """Return the shard of a data set that a listener's records belong to."""
        return name, shard_of(request.pseudonym, self._shards[name])

    def was_rebuilt(self, pseudonym: bytes, ref: ShardRef) -> bool:
        """Return whether an erasure of a listener has left a shard's cells clean already."""
        return any(state.step >= REBUILT for state in self._states(pseudonym, ref))

    def retired(self, request: Request, name: str, marks: Mapping[bytes, int]) -> int | None:
        """Return where a listener was retired in a data set, if the stream has passed that.

        Args:
            request: whose.
            name: the data set.
            marks: the retirements that stand in the progress of its shards.
        """
        if request.pseudonym in marks:
            return marks[request.pseudonym]
        found = [
            state.retired_offset
            for state in self._states(request.pseudonym, self.home(request, name))
            if state.step >= TOMBSTONED
        ]
        return max(found, default=None)

    def is_forgotten(self, pseudonym: bytes, ref: ShardRef) -> bool:
        """Return whether every erasure of a listener, and there is one, has left its tombstones."""
        requests = self._book.of_listener(pseudonym)
        states = list(self._states(pseudonym, ref))
        return len(states) == len(requests) > 0 and all(each.step >= TOMBSTONED for each in states)

    def _states(self, pseudonym: bytes, ref: ShardRef) -> Iterator[erasure_pb2.ErasureState]:
        for request in self._book.of_listener(pseudonym):
            state = self._book.state(request.erasure, ref)
            if state is not None:
                yield state

    def counts(self) -> dict[Step, int]:
        """Return how many erasures that are not done stand at each step."""
        counts: dict[Step, int] = dict.fromkeys(range(NOTHING, GONE), 0)  # type: ignore[arg-type]
        for step in self._steps.values():
            counts[step] += 1
        return counts
