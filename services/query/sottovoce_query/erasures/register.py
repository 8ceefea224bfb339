"""What is to be erased, as this replica reads it from `erasures` and writes it there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import grpc

from sottovoce.data_sets import DataSet
from sottovoce.erasure import ErasureError, Request, ShardRef, SigningKey, Statement, statement_of
from sottovoce.erasure.book import NOTHING
from sottovoce.erasure.certificate import sign
from sottovoce.erasure.log import ErasureLog
from sottovoce.erasure.remains import remains
from sottovoce.kafka import Topics
from sottovoce.kafka.errors import LogError
from sottovoce.wire.v1 import erasure_pb2, erasure_service_pb2
from sottovoce_query.errors import QuestionError, not_found

_READ_BACK_SECONDS = 10.0
_LOOK_SECONDS = 0.3


class ErasureRegister:
    """Asks for erasures, tells how far they have come, certifies them. Any thread may use it.

    Args:
        log: `erasures`, read to its end.
        data_sets: all that there are.
        key: what signs certificates; None: none are issued.
        topics: their names.
        tombstones_kept_ms: tells how long a tombstone of the logs stands.
        clock_ms: the time.
    """

    def __init__(
        self,
        log: ErasureLog,
        data_sets: Sequence[DataSet],
        key: SigningKey | None,
        topics: Topics,
        tombstones_kept_ms: Callable[[], int],
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._log = log
        self._data_sets = data_sets
        self._key = key
        self._topics = topics
        self._tombstones_kept_ms = tombstones_kept_ms
        self._clock_ms = clock_ms
        self._lock = threading.Lock()
        self._refs: list[ShardRef] = [
            (each.name, shard) for each in data_sets for shard in range(each.shards)
        ]

    def follow(self) -> bool:
        """Take in what was written since; return whether there was anything."""
        with self._lock:
            return self._log.refresh()

    def touched(self, data_set: str) -> frozenset[int]:
        """Return the slices of a data set of which any erasure rebuilt a cell."""
        with self._lock:
            return frozenset(self._log.book.touched.get(data_set, ()))

    def request(self, pseudonym: bytes) -> erasure_service_pb2.Erasure:
        """Ask for a listener to be erased, or find the erasure that is under way.

        Raises:
            QuestionError: `erasures` took no record, so ask again.
        """
        with self._lock:
            self._log.refresh()
            try:
                asked = self._log.request(pseudonym, self._refs)
            except LogError as error:
                raise _not_written(error) from error
            until = time.monotonic() + _READ_BACK_SECONDS
            while asked.erasure not in self._log.book.requests and time.monotonic() < until:
                self._log.refresh(0.05)
            return self._message(asked)

    def get(self, erasure: str) -> erasure_service_pb2.Erasure:
        """Return an erasure by its id, or by a beginning of it that no other one has.

        Raises:
            QuestionError: there is none, or more than one.
        """
        with self._lock:
            return self._message(self._find(erasure))

    def page(self, size: int, after: str) -> tuple[list[erasure_service_pb2.Erasure], str]:
        """Return some erasures, the newest first, and where the next page begins.

        Args:
            size: how many at most.
            after: the last one of the page before; empty for the first page.

        Raises:
            QuestionError: there is no such page.
        """
        with self._lock:
            newest = list(reversed(self._log.book.requests.values()))
            first = 0
            if after:
                first = 1 + [each.erasure for each in newest].index(self._find(after).erasure)
            some = newest[first : first + size]
            more = some[-1].erasure if first + size < len(newest) else ""
            return [self._message(each) for each in some], more

    def certificate(self, erasure: str) -> tuple[erasure_pb2.ErasureCertificate, bool]:
        """Return an erasure's certificate, and whether the erasure is complete.

        One of a complete erasure is issued once; before that, each is of how it stands now, and
        takes the place of the one before.

        Raises:
            QuestionError: there is no such erasure, or no key to sign with.
        """
        with self._lock:
            found = self._find(erasure)
            book = self._log.book
            standing = book.certificates.get(found.erasure)
            if standing is not None and self._is_complete(standing):
                return standing, True
            if self._key is None:
                raise QuestionError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    "NO_SIGNING_KEY",
                    "this service has no key to sign certificates with: make one with `sottovoce "
                    "erase key FILE`, and start the service with --erasure-key-file FILE",
                )
            states = list(book.states.get(found.erasure, {}).values())
            statement = statement_of(
                found,
                states,
                self._data_sets,
                issued_at_ms=self._clock_ms(),
                remains=remains(
                    states,
                    self._data_sets,
                    self._topics,
                    tombstones_kept_ms=self._tombstones_kept_ms(),
                ),
            )
            signed = sign(statement, self._key)
            try:
                self._log.publish(signed)
            except LogError as error:
                raise _not_written(error) from error
            book.certificates[signed.erasure] = signed
            return signed, statement.complete

    def close(self) -> None:
        """Let go of the connection."""
        self._log.close()

    def _find(self, erasure: str) -> Request:
        """Return a request; one that another replica has just written is looked for again."""
        try:
            return self._log.book.request(erasure)
        except ErasureError:
            self._log.refresh(_LOOK_SECONDS)
        try:
            return self._log.book.request(erasure)
        except ErasureError as error:
            raise not_found("ERASURE_NOT_FOUND", str(error)) from error

    def _message(self, request: Request) -> erasure_service_pb2.Erasure:
        book = self._log.book
        states = book.states.get(request.erasure, {})
        message = erasure_service_pb2.Erasure(
            id=request.erasure,
            step=book.step(request.erasure, self._refs),
            shards=[
                erasure_service_pb2.ErasureShard(
                    data_set=name,
                    shard=shard,
                    step=states[name, shard].step if (name, shard) in states else NOTHING,
                )
                for name, shard in self._refs
            ],
            certified=request.erasure in book.certificates,
        )
        message.requested_at.FromMilliseconds(request.requested_at_ms)
        return message

    @staticmethod
    def _is_complete(certificate: erasure_pb2.ErasureCertificate) -> bool:
        return Statement.from_bytes(certificate.statement).complete


def _not_written(error: LogError) -> QuestionError:
    return QuestionError(grpc.StatusCode.UNAVAILABLE, "LOG_NOT_WRITTEN", str(error))
