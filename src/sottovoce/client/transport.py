"""How questions travel: gRPC, or whatever a test puts in its place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from sottovoce.client.credentials import BearerToken
from sottovoce.client.errors import (
    BadQuestion,
    BudgetSpent,
    NoBudget,
    NoLongerHeld,
    NoSigningKey,
    NotAllowed,
    NotComplete,
    NotFound,
    QueryError,
    ServiceFault,
    TooManyQuestions,
    Unavailable,
)
from sottovoce.wire.status import DETAILS_KEY
from sottovoce.wire.v1 import erasure_service_pb2, query_pb2

_SERVICES: Final[dict[str, tuple[Any, Any]]] = {
    method: (file, service)
    for file in (query_pb2, erasure_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods_by_name
}
"""By method: the file and the service that have it; both are served at one address."""
_ERRORS: Final[dict[grpc.StatusCode, type[QueryError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: BadQuestion,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.FAILED_PRECONDITION: NotComplete,
    grpc.StatusCode.OUT_OF_RANGE: NoLongerHeld,
    grpc.StatusCode.RESOURCE_EXHAUSTED: TooManyQuestions,
    grpc.StatusCode.PERMISSION_DENIED: NotAllowed,
    grpc.StatusCode.UNAUTHENTICATED: NotAllowed,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: Unavailable,
    grpc.StatusCode.CANCELLED: Unavailable,
}
_REASONS: Final[dict[str, type[QueryError]]] = {
    "BUDGET_SPENT": BudgetSpent,
    "NO_BUDGET": NoBudget,
    "NOT_PERSONAL": NotAllowed,
    "NO_SIGNING_KEY": NoSigningKey,
}
"""Reasons that say more than their code."""
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 60_000),
    # A service that was away for hours is found again in seconds.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


class Transport(Protocol):
    """Takes a question to the service and brings the answer back."""

    def unary(self, method: str, request: Message, timeout: float) -> Any:
        """Return the response.

        Raises:
            QueryError: there is none.
        """

    def stream(self, method: str, request: Message, timeout: float | None = None) -> Iterator[Any]:
        """Yield responses until the service or the caller ends it, or the time is over.

        Raises:
            QueryError: the service ended it.
        """

    def close(self) -> None:
        """Let go of the connection."""


class AsyncTransport(Protocol):
    """The same for an event loop."""

    async def unary(self, method: str, request: Message, timeout: float) -> Any:
        """Return the response.

        Raises:
            QueryError: there is none.
        """

    def stream(
        self, method: str, request: Message, timeout: float | None = None
    ) -> AsyncIterator[Any]:
        """Yield responses until the service or the caller ends it, or the time is over.

        Raises:
            QueryError: the service ended it.
        """

    async def close(self) -> None:
        """Let go of the connection."""


class GrpcTransport:
    """Over a channel of grpcio.

    Args:
        address: HOST:PORT.
        credentials: for TLS; None for a plain connection.
        token: what to show as a bearer, or the file that holds it.
        tls_terminated_elsewhere: whether the token may go to another machine unencrypted.

    Raises:
        CredentialsUnusable: the token would be readable on its way.
    """

    def __init__(
        self,
        address: str,
        credentials: grpc.ChannelCredentials | None = None,
        token: str | Path | None = None,
        *,
        tls_terminated_elsewhere: bool = False,
    ) -> None:
        self.address = address
        bearer = BearerToken(token)
        if credentials is None and not tls_terminated_elsewhere:
            bearer.require_private(address)
        self._metadata = bearer.metadata
        self._channel = (
            grpc.insecure_channel(address, _OPTIONS)
            if credentials is None
            else grpc.secure_channel(address, credentials, _OPTIONS)
        )
        self._calls: dict[str, Callable[..., Any]] = {}

    def unary(self, method: str, request: Message, timeout: float) -> Any:
        """Return the response."""
        call = self._calls.get(method)
        if call is None:
            call = self._calls[method] = self._channel.unary_unary(*_names(method))
        try:
            return call(request, timeout=timeout, metadata=self._metadata())
        except grpc.RpcError as error:
            raise as_query_error(error, self.address) from error

    def stream(self, method: str, request: Message, timeout: float | None = None) -> Iterator[Any]:
        """Yield responses; ending the iteration ends the call."""
        call = self._channel.unary_stream(*_names(method))(
            request, timeout=timeout, metadata=self._metadata()
        )
        try:
            yield from call
        except grpc.RpcError as error:
            raise as_query_error(error, self.address) from error
        finally:
            call.cancel()

    def close(self) -> None:
        """Let go of the connection."""
        self._channel.close()


class AsyncGrpcTransport:
    """Over a channel of grpcio's asyncio; make it on the event loop.

    Args:
        address: HOST:PORT.
        credentials: for TLS; None for a plain connection.
        token: what to show as a bearer, or the file that holds it.
        tls_terminated_elsewhere: whether the token may go to another machine unencrypted.

    Raises:
        CredentialsUnusable: the token would be readable on its way.
    """

    def __init__(
        self,
        address: str,
        credentials: grpc.ChannelCredentials | None = None,
        token: str | Path | None = None,
        *,
        tls_terminated_elsewhere: bool = False,
    ) -> None:
        self.address = address
        bearer = BearerToken(token)
        if credentials is None and not tls_terminated_elsewhere:
            bearer.require_private(address)
        self._metadata = bearer.metadata
        self._channel = (
            grpc.aio.insecure_channel(address, _OPTIONS)
            if credentials is None
            else grpc.aio.secure_channel(address, credentials, _OPTIONS)
        )
        self._calls: dict[str, Callable[..., Any]] = {}

    async def unary(self, method: str, request: Message, timeout: float) -> Any:
        """Return the response."""
        call = self._calls.get(method)
        if call is None:
            call = self._calls[method] = self._channel.unary_unary(*_names(method))
        try:
            return await call(request, timeout=timeout, metadata=self._metadata())
        except grpc.RpcError as error:
            raise as_query_error(error, self.address) from error

    async def stream(
        self, method: str, request: Message, timeout: float | None = None
    ) -> AsyncIterator[Any]:
        """Yield responses; ending the iteration ends the call."""
        call = self._channel.unary_stream(*_names(method))(
            request, timeout=timeout, metadata=self._metadata()
        )
        try:
            async for response in call:
                yield response
        except grpc.RpcError as error:
            raise as_query_error(error, self.address) from error
        finally:
            call.cancel()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._channel.close()


def _names(method: str) -> tuple[str, Callable[[Message], bytes], Callable[[bytes], Message]]:
    file, service = _SERVICES[method]
    response = service.methods_by_name[method].output_type.name
    return (
        f"/{service.full_name}/{method}",
        lambda message: message.SerializeToString(),
        getattr(file, response).FromString,
    )


def as_query_error(error: Any, address: str) -> QueryError:
    """Return the error of this package that a gRPC error amounts to."""
    code: grpc.StatusCode = error.code()
    info, retry = _details(error.trailing_metadata() or ())
    kind = _REASONS.get(info.reason) or _ERRORS.get(code, ServiceFault)
    message = error.details() or code.name
    if kind is Unavailable and not info.reason:
        message = (
            f"no query service answers at {address} ({message}): is it running, "
            "and is the address right?"
            if code is not grpc.StatusCode.DEADLINE_EXCEEDED
            else f"the query service at {address} took too long to answer"
        )
    return kind(
        message,
        reason=info.reason or code.name,
        metadata=info.metadata,
        retry_after=retry,
    )


def _details(
    metadata: Sequence[Any],
) -> tuple[error_details_pb2.ErrorInfo, timedelta | None]:
    info, retry_after = error_details_pb2.ErrorInfo(), None
    for key, value in metadata:
        if key != DETAILS_KEY:
            continue
        with suppress(DecodeError):
            for box in status_pb2.Status.FromString(value).details:
                retry = error_details_pb2.RetryInfo()
                if not box.Unpack(info) and box.Unpack(retry):
                    retry_after = retry.retry_delay.ToTimedelta()
    return info, retry_after
