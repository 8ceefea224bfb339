"""Where plays come from. A source yields batches with a cursor; a sink writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.writer import Batch

type Wait = Callable[[float], bool]
"""Sleeps for some seconds; returns whether the end was asked for meanwhile."""


class Source(Protocol):
    """Something that knows plays.

    Attributes:
        name: keys its cursor; the same for the same plays, another for others.
    """

    name: str

    def batches(self, cursor: bytes | None) -> Iterator[Batch]:
        """Yield what follows a cursor, each batch with the cursor behind it.

        The next batch is asked for when the one before is committed. A source that is asked to
        stop returns.

        Args:
            cursor: where it stood; None at its beginning.
        """


class Sink(Protocol):
    """Writes batches: the writer itself, or one in another process."""

    def cursor(self, source: str) -> bytes | None:
        """Return where a source stands."""

    def write(self, batch: Batch) -> producer_pb2.PlayCounts:
        """Write a batch; return what became of its plays once it is committed."""

    def connect(self, account: str, tokens: bytes) -> None:
        """Keep the tokens of an account's connection to a source, sealed."""


def run_source(
    source: Source,
    sink: Sink,
    written: Callable[[Batch, producer_pb2.PlayCounts], None] = lambda _, __: None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Write all that a source has, from where it stood.

    Args:
        source: where plays come from.
        sink: where they go.
        written: told of each batch once it is committed.
        stop: asked before each batch whether to end.
    """
    for batch in source.batches(sink.cursor(source.name)):
        if stop():
            return
        written(batch, sink.write(batch))
