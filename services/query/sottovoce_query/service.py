"""`QueryService` over gRPC: the cache, then a thread that works the answer out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc
from google.protobuf import duration_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2

from sottovoce.service.access import Role, current_caller
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.answers import Answers
from sottovoce_query.errors import QuestionError
from sottovoce_query.lifetime import Lifetime
from sottovoce_query.metrics import CallMetrics
from sottovoce_query.questions import QUESTIONS, Question
from sottovoce_query.refusing import Context, counted, fault, refuse
from sottovoce_query.rpc.get_budget import list_charges
from sottovoce_query.rpc.watch_trends import Movements, Watch, read_watch, trends
from sottovoce_query.sources import Sources

SERVICE_NAME: Final = query_pb2.DESCRIPTOR.services_by_name["QueryService"].full_name

_TRENDS_KEPT: Final = 64
"""Trends that are kept for further watchers; sealed data has no next pane to drop them."""

type Unary = Callable[[bytes, Context], Awaitable[bytes]]


class QueryService(Lifetime[Sources]):
    """Answers questions; knows nothing of Kafka. Everything but the work runs on one event loop.

    Args:
        metrics: where calls are counted.
        answers: the cache.
        workers: threads that work answers out.
        max_waiting: questions being worked out or waiting for it at once.
    """

    def __init__(
        self, metrics: CallMetrics, answers: Answers, *, workers: int, max_waiting: int
    ) -> None:
        super().__init__(metrics, workers, "answer")
        self._answers = answers
        self._max_waiting = max_waiting
        self._running: dict[tuple[str, bytes, bool], asyncio.Future[bytes]] = {}
        self._trends: dict[Watch, tuple[int, asyncio.Future[Any]]] = {}

    def handler(self) -> grpc.GenericRpcHandler:
        """Return the methods; requests and responses pass as bytes, so that a hit costs nothing."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            question.name: grpc.unary_unary_rpc_method_handler(self._unary(question))
            for question in QUESTIONS
        }
        methods["WatchTrends"] = grpc.unary_stream_rpc_method_handler(
            self._watch_trends, query_pb2.WatchTrendsRequest.FromString, None
        )
        methods["ListCharges"] = grpc.unary_stream_rpc_method_handler(
            self._list_charges, query_pb2.ListChargesRequest.FromString, None
        )
        return grpc.method_handlers_generic_handler(SERVICE_NAME, methods)

    def _unary(self, question: Question) -> Unary:
        name = question.name

        async def call(asked: bytes, context: Context) -> bytes:
            began = time.perf_counter()
            code = "OK"
            try:
                sources = self._source
                kept = self._answers.get(name, asked)
                if kept is not None and sources is not None:
                    stamp, data_set, answer = kept
                    if stamp == question.stamp(data_set, sources):
                        return answer
                totals = question.tells_totals and current_caller().has(Role.OPERATOR)
                return await self._work(question, asked, totals)
            except QuestionError as error:
                code = error.code.name
                await refuse(context, error)
                raise
            except asyncio.CancelledError:
                code = "CANCELLED"
                raise
            except Exception as error:
                code = "INTERNAL"
                await refuse(context, fault(name, error))
                raise
            finally:
                self._metrics.ended(name, code, time.perf_counter() - began)

        return call

    async def _work(self, question: Question, asked: bytes, totals: bool) -> bytes:
        sources = self._ready()
        running = self._running.get((question.name, asked, totals))
        if running is None:
            if len(self._running) >= self._max_waiting:
                raise _too_many(len(self._running))
            try:
                request = question.request.FromString(asked)
            except DecodeError as error:
                raise QuestionError(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    "MALFORMED",
                    f"{len(asked)} bytes that are no {question.request.DESCRIPTOR.name}",
                ) from error
            running = asyncio.ensure_future(
                self._work_out(question, request, asked, sources, totals)
            )
            running.add_done_callback(lambda each: each.cancelled() or each.exception())
            self._running[question.name, asked, totals] = running
        return await asyncio.shield(running)

    async def _work_out(
        self, question: Question, request: Any, asked: bytes, sources: Sources, totals: bool
    ) -> bytes:
        try:
            data_set = getattr(request, "data_set", "")
            stamp = question.stamp(data_set, sources)  # before: what changes meanwhile shows
            loop = asyncio.get_running_loop()
            more = {"totals": totals} if question.tells_totals else {}
            answer: bytes = await loop.run_in_executor(
                self._pool,
                lambda: question.answer(request, sources, **more).SerializeToString(),
            )
            if stamp is not None:
                self._answers.put(question.name, asked, stamp, data_set, answer)
            return answer
        finally:
            del self._running[question.name, asked, totals]

    async def _watch_trends(
        self, request: query_pb2.WatchTrendsRequest, context: Context
    ) -> AsyncIterator[bytes]:
        async with counted(self._metrics, "WatchTrends", context):
            watch = read_watch(request, self._ready())
            movements = Movements()
            seen = -1
            while True:
                changed = self._changed
                through_ms, response = await self._trends_now(watch)
                if response is not None and through_ms > seen:
                    seen = through_ms
                    yield movements.mark(response).SerializeToString()
                if changed is self._changed:
                    await changed.wait()
                self._ready()

    async def _list_charges(
        self, request: query_pb2.ListChargesRequest, context: Context
    ) -> AsyncIterator[bytes]:
        async with counted(self._metrics, "ListCharges", context):
            sources = self._ready()
            loop = asyncio.get_running_loop()
            for each in await loop.run_in_executor(self._pool, list_charges, request, sources):
                yield each.SerializeToString()

    async def _trends_now(self, watch: Watch) -> tuple[int, query_pb2.WatchTrendsResponse | None]:
        """The trends as of now; watchers of the same share the work."""
        sources = self._ready()
        through_ms = sources.of(watch.data_set).gate.complete_through_ms
        known = self._trends.get(watch)
        if known is None or known[0] != through_ms:
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._pool, trends, watch, sources)
            self._trends = {
                other: each
                for other, each in self._trends.items()
                if other.data_set != watch.data_set or each[0] == through_ms
            }
            known = self._trends[watch] = through_ms, running
            while len(self._trends) > _TRENDS_KEPT:
                del self._trends[next(iter(self._trends))]
        try:
            return through_ms, await asyncio.shield(known[1])
        except Exception:
            if self._trends.get(watch) is known:
                del self._trends[watch]  # whoever asks next tries again
            raise


def _too_many(waiting: int) -> QuestionError:
    retry = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=1))
    return QuestionError(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "TOO_MANY_QUESTIONS",
        f"{waiting} questions are being worked out: ask again in a second",
        details=[retry],
    )
