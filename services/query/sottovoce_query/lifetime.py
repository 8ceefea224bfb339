"""The life of a gRPC service here: closed until it can answer, then open, then ending."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import grpc

from sottovoce_query.errors import QuestionError
from sottovoce_query.metrics import CallMetrics


class Lifetime[Source]:
    """What every service shares. All but its threads runs on one event loop.

    Args:
        metrics: where calls are counted.
        threads: how many do its work.
        named: the beginning of their names.
    """

    def __init__(self, metrics: CallMetrics, threads: int, named: str) -> None:
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=named)
        self._source: Source | None = None
        self._changed = asyncio.Event()
        self._ending = False

    def open(self, source: Source) -> None:
        """Begin to answer from a source."""
        self._source = source

    def notify(self) -> None:
        """Tell watchers to look again; call it on the event loop."""
        self._changed.set()
        self._changed = asyncio.Event()

    def end(self) -> None:
        """End all watches, and refuse what comes."""
        self._ending = True
        self.notify()

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ready(self) -> Source:
        """Return the source.

        Raises:
            QuestionError: it is not there yet, or no longer.
        """
        if self._ending:
            raise QuestionError(
                grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN", "the service is ending: ask another"
            )
        if self._source is None:
            raise QuestionError(
                grpc.StatusCode.UNAVAILABLE,
                "NOT_READY",
                "the service is still reading the log: its health says when it is ready",
            )
        return self._source
