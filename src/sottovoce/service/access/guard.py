"""The door in front of every handler of a server, so that none can be forgotten."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any, Final, NoReturn

import grpc

from sottovoce.service.access.access import Access
from sottovoce.service.access.callers import Caller
from sottovoce.service.access.refusals import Refused
from sottovoce.wire.status import DETAILS_KEY

type Handler = grpc.RpcMethodHandler[Any, Any]
type Behaviour = Callable[..., Any]

_CALLER: Final[ContextVar[Caller]] = ContextVar("caller")


def current_caller() -> Caller:
    """Return who calls, within a handler.

    Raises:
        LookupError: the handler is behind no guard.
    """
    return _CALLER.get()


class GuardedServer:
    """A server whose handlers are all behind the door: hand it to `add_...Servicer_to_server`.

    A message of a stream passes only while its caller still would be let in.

    Args:
        server: gets the guarded handlers.
        access: the door.

    Attributes:
        is_async: whether its handlers run on an event loop.
    """

    def __init__(self, server: grpc.Server | grpc.aio.Server, access: Access) -> None:
        self._server = server
        self.is_async = isinstance(server, grpc.aio.Server)
        guard = _AsyncGuard(access) if self.is_async else _Guard(access)
        self._guard: Callable[[str, Handler], Handler] = guard.handler

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Add handlers, guarded."""
        guarded = tuple(_GuardedHandlers(each, self._guard) for each in handlers)
        self._server.add_generic_rpc_handlers(guarded)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Add handlers by name, guarded."""
        guarded = {
            name: self._guard(f"/{service}/{name}", handler) for name, handler in handlers.items()
        }
        self._server.add_registered_method_handlers(service, guarded)


class _GuardedHandlers(grpc.GenericRpcHandler):
    def __init__(
        self, inner: grpc.GenericRpcHandler, guard: Callable[[str, Handler], Handler]
    ) -> None:
        self._inner = inner
        self._guard = guard
        self._known: dict[str, tuple[Handler, Handler]] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        handler = self._inner.service(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        known = self._known.get(method)
        if known is None or known[0] is not handler:
            known = self._known[method] = handler, self._guard(method, handler)
        return known[1]


def _details(refused: Refused) -> tuple[tuple[str, bytes]]:
    return ((DETAILS_KEY, refused.to_status().SerializeToString()),)


class _Guard:
    """For threads."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def handler(self, method: str, handler: Handler) -> Handler:
        behaviour = _behaviour(handler)

        @functools.wraps(behaviour)  # grpcio reads attributes of a behaviour
        def guarded(asked: Any, context: Any, *more: Any) -> Any:
            try:
                _CALLER.set(self._access.admit(method, context))
            except Refused as refused:
                _abort(context, refused)
            if handler.request_streaming:
                asked = self._while_let_in(method, asked, context)
            answer = behaviour(asked, context, *more)
            if handler.response_streaming and answer is not None:
                return self._while_let_in(method, answer, context)
            return answer

        return _like(handler, guarded)

    def _while_let_in(self, method: str, messages: Iterator[Any], context: Any) -> Iterator[Any]:
        for message in messages:
            try:
                self._access.recheck(method, context)
            except Refused as refused:
                _abort(context, refused)
            yield message


def _abort(context: Any, refused: Refused) -> NoReturn:
    context.set_trailing_metadata(_details(refused))
    context.abort(refused.code, str(refused))
    raise refused  # never: the line above raises


class _AsyncGuard:
    """For an event loop."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def handler(self, method: str, handler: Handler) -> Handler:
        behaviour = _behaviour(handler)

        async def call(asked: Any, context: Any) -> Any:
            try:
                _CALLER.set(admit(method, context))
            except Refused as refused:
                await context.abort(refused.code, str(refused), _details(refused))
            if streams_in:
                asked = self._while_let_in(method, asked, context)
            return await behaviour(asked, context)

        async def stream(asked: Any, context: Any) -> AsyncIterator[Any]:
            try:
                _CALLER.set(admit(method, context))
            except Refused as refused:
                await context.abort(refused.code, str(refused), _details(refused))
            if streams_in:
                asked = self._while_let_in(method, asked, context)
            async with aclosing(behaviour(asked, context)) as answers:
                async for answer in self._while_let_in(method, answers, context):
                    yield answer

        admit, streams_in = self._access.admit, handler.request_streaming
        return _like(handler, stream if inspect.isasyncgenfunction(behaviour) else call)

    async def _while_let_in(
        self, method: str, messages: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[Any]:
        async for message in messages:
            try:
                self._access.recheck(method, context)
            except Refused as refused:
                await context.abort(refused.code, str(refused), _details(refused))
            yield message


def _kind(handler: Handler) -> str:
    sides = (handler.request_streaming, handler.response_streaming)
    return "_".join("stream" if streams else "unary" for streams in sides)


def _behaviour(handler: Handler) -> Behaviour:
    behaviour: Behaviour = getattr(handler, _kind(handler))
    return behaviour


def _like(handler: Handler, behaviour: Behaviour) -> Handler:
    make: Callable[..., Handler] = getattr(grpc, f"{_kind(handler)}_rpc_method_handler")
    return make(behaviour, handler.request_deserializer, handler.response_serializer)
