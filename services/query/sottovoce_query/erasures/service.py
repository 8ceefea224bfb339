"""`ErasureService` over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc

from sottovoce.wire.v1 import erasure_service_pb2
from sottovoce_query.erasures.register import ErasureRegister
from sottovoce_query.lifetime import Lifetime
from sottovoce_query.metrics import CallMetrics
from sottovoce_query.refusing import Context, counted
from sottovoce_query.rpc.erasures.get_erasure import get_erasure
from sottovoce_query.rpc.erasures.get_erasure_certificate import get_erasure_certificate
from sottovoce_query.rpc.erasures.list_erasures import list_erasures
from sottovoce_query.rpc.erasures.request_erasure import request_erasure
from sottovoce_query.rpc.erasures.watch_erasure import watch_erasure

DESCRIPTOR: Final = erasure_service_pb2.DESCRIPTOR.services_by_name["ErasureService"]
ERASURE_SERVICE_NAME: Final = DESCRIPTOR.full_name

_THREADS: Final = 2

type Answer = Callable[[Any, ErasureRegister], Any]

_UNARY: Final[dict[str, Answer]] = {
    "RequestErasure": request_erasure,
    "GetErasure": get_erasure,
    "ListErasures": list_erasures,
    "GetErasureCertificate": get_erasure_certificate,
}


class ErasureService(Lifetime[ErasureRegister]):
    """Lets stewards ask for erasures and follow them. Waiting for Kafka is done in threads.

    Args:
        metrics: where calls are counted.
    """

    def __init__(self, metrics: CallMetrics) -> None:
        super().__init__(metrics, _THREADS, "erasure")

    def handler(self) -> grpc.GenericRpcHandler:
        """Return the methods."""
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            name: grpc.unary_unary_rpc_method_handler(
                self._unary(name, answer), _reads(name), _writes
            )
            for name, answer in _UNARY.items()
        }
        methods["WatchErasure"] = grpc.unary_stream_rpc_method_handler(
            self._watch_erasure, _reads("WatchErasure"), _writes
        )
        return grpc.method_handlers_generic_handler(ERASURE_SERVICE_NAME, methods)

    def _unary(self, name: str, answer: Answer) -> Callable[[Any, Context], Awaitable[Any]]:
        async def call(request: Any, context: Context) -> Any:
            async with counted(self._metrics, name, context):
                return await self._in_thread(answer, request, self._ready())

        return call

    async def _watch_erasure(
        self, request: erasure_service_pb2.WatchErasureRequest, context: Context
    ) -> AsyncIterator[erasure_service_pb2.WatchErasureResponse]:
        async with counted(self._metrics, "WatchErasure", context):

            async def look() -> erasure_service_pb2.Erasure:
                found: erasure_service_pb2.Erasure = await self._in_thread(
                    self._ready().get, request.id
                )
                return found

            async for response in watch_erasure(look, lambda: self._changed):
                yield response

    async def _in_thread(self, work: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *given)


def _reads(method: str) -> Callable[[bytes], Any]:
    request = DESCRIPTOR.methods_by_name[method].input_type.name
    read: Callable[[bytes], Any] = getattr(erasure_service_pb2, request).FromString
    return read


def _writes(message: Any) -> bytes:
    written: bytes = message.SerializeToString()
    return written
