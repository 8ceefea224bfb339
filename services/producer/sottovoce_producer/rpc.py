"""The producer's own door: other processes hand plays to its writer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, cast

import grpc
from grpc_health.v1 import health, health_pb2
from prometheus_client import CollectorRegistry

from sottovoce.data_sets.data_set import DataSetError
from sottovoce.kafka.errors import LogError
from sottovoce.service.access import Access, GuardedServer, add_port
from sottovoce.service.access.probes import health_server
from sottovoce.service.access.technical import add_technical_services
from sottovoce.wire.v1 import producer_pb2, producer_pb2_grpc
from sottovoce_producer.accounts import Accounts
from sottovoce_producer.errors import AccountRefusedError, ProducerError
from sottovoce_producer.plays import PlayRow, Plays
from sottovoce_producer.settings import RunSettings
from sottovoce_producer.sources import Sink
from sottovoce_producer.writer import Batch

SERVICE: Final = producer_pb2.DESCRIPTOR.services_by_name["ProducerService"].full_name
MAX_REQUEST_BYTES: Final = 64 * 1024 * 1024
_CALLS: Final = 8
_GRACE_SECONDS: Final = 5.0


def read_play(play: producer_pb2.Play) -> PlayRow:
    """Return a play as a row."""
    return PlayRow(
        play.account,
        play.spotify_id,
        play.artist,
        play.title,
        play.album,
        play.end_time_ms,
        play.ms_played if play.HasField("ms_played") else None,
        play.country,
        play.skipped if play.HasField("skipped") else None,
        play.shuffle if play.HasField("shuffle") else None,
        play.offline,
        play.private_session,
    )


class ProducerService(producer_pb2_grpc.ProducerServiceServicer):
    """Hands plays that come in over gRPC to a sink; resolves and forgets accounts.

    Args:
        sink: the writer.
        accounts: the writer's.
    """

    def __init__(self, sink: Sink, accounts: Accounts) -> None:
        self._sink = sink
        self._accounts = accounts

    def WritePlays(  # noqa: N802 - gRPC's name
        self,
        request_iterator: Iterator[producer_pb2.WritePlaysRequest],
        context: grpc.ServicerContext,
    ) -> Iterator[producer_pb2.WritePlaysResponse]:
        """Write each request in a transaction of its own; answer when it is committed."""
        for request in request_iterator:
            plays, malformed = Plays.from_rows(map(read_play, request.plays))
            batch = Batch(
                request.data_set,
                plays,
                request.source,
                request.cursor if request.source else None,
                len(malformed),
            )
            try:
                counts = self._sink.write(batch)
            except DataSetError as error:
                context.abort(grpc.StatusCode.NOT_FOUND, str(error))
            except (LogError, ProducerError) as error:
                context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
            yield producer_pb2.WritePlaysResponse(cursor=request.cursor, counts=counts)

    def GetCursor(  # noqa: N802 - gRPC's name
        self, request: producer_pb2.GetCursorRequest, context: grpc.ServicerContext
    ) -> producer_pb2.GetCursorResponse:
        """Return where a source stands."""
        del context
        return producer_pb2.GetCursorResponse(cursor=self._sink.cursor(request.source))

    def ConnectAccount(  # noqa: N802 - gRPC's name
        self, request: producer_pb2.ConnectAccountRequest, context: grpc.ServicerContext
    ) -> producer_pb2.ConnectAccountResponse:
        """Keep an account's tokens in the vault."""
        with _refusals(context):
            self._sink.connect(request.account, request.tokens)
        return producer_pb2.ConnectAccountResponse()

    def ForgetAccount(  # noqa: N802 - gRPC's name
        self, request: producer_pb2.ForgetAccountRequest, context: grpc.ServicerContext
    ) -> producer_pb2.ForgetAccountResponse:
        """Forget an account."""
        with _refusals(context):
            until_ms = self._accounts.forget(_named(request.account))
        return producer_pb2.ForgetAccountResponse(rests_until_ms=until_ms)

    def ForgetListener(  # noqa: N802 - gRPC's name
        self, request: producer_pb2.ForgetListenerRequest, context: grpc.ServicerContext
    ) -> producer_pb2.ForgetListenerResponse:
        """Forget whoever has a pseudonym."""
        with _refusals(context):
            until_ms = self._accounts.forget_listener(
                (request.listener_high, request.listener_low),
                all_others_asked=request.all_others_asked,
            )
        return producer_pb2.ForgetListenerResponse(
            rests_until_ms=until_ms, writers=self._accounts.writers
        )

    def RestListener(  # noqa: N802 - gRPC's name
        self, request: producer_pb2.RestListenerRequest, context: grpc.ServicerContext
    ) -> producer_pb2.RestListenerResponse:
        """Let a forgotten listener rest for longer."""
        with _refusals(context):
            self._accounts.rest((request.listener_high, request.listener_low), request.after_ms)
        return producer_pb2.RestListenerResponse()

    def ResolveAccount(  # noqa: N802 - gRPC's name
        self, request: producer_pb2.ResolveAccountRequest, context: grpc.ServicerContext
    ) -> producer_pb2.ResolveAccountResponse:
        """Return an account's pseudonym."""
        with _refusals(context):
            high, low = self._accounts.resolve(_named(request.account))
        return producer_pb2.ResolveAccountResponse(listener_high=high, listener_low=low)


class _UnnamedAccountError(ProducerError):
    """A request names no account."""


def _named(account: str) -> str:
    if not account:
        raise _UnnamedAccountError("account is empty: give its name, as its plays tell it")
    return account


@contextmanager
def _refusals(context: grpc.ServicerContext) -> Iterator[None]:
    """End the call with a status where the writer refuses or has failed."""
    try:
        yield
    except _UnnamedAccountError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except AccountRefusedError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
    except (LogError, ProducerError) as error:
        context.abort(grpc.StatusCode.UNAVAILABLE, str(error))


class Door:
    """A gRPC server with the producer's service, health and reflection; open once it is made.

    Args:
        sink: the writer.
        accounts: the writer's.
        settings: address, port, who is let in.
        registry: where refusals are counted.

    Attributes:
        address: HOST:PORT.

    Raises:
        ProducerError: the port is taken.
        AccessError: the settings let the wrong people in, or nobody.
    """

    def __init__(
        self, sink: Sink, accounts: Accounts, settings: RunSettings, registry: CollectorRegistry
    ) -> None:
        self._server = grpc.server(
            ThreadPoolExecutor(_CALLS, thread_name_prefix="rpc"),
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
            ],
        )
        guarded = GuardedServer(self._server, Access.of(settings, registry))
        producer_pb2_grpc.add_ProducerServiceServicer_to_server(
            ProducerService(sink, accounts), cast("grpc.Server", guarded)
        )
        self._health = health.HealthServicer()
        add_technical_services(guarded, settings, self._health, SERVICE)
        try:
            bound = add_port(self._server, settings, "rpc_host", settings.rpc_port)
        except RuntimeError as error:
            raise ProducerError(
                f"rpc_port {settings.rpc_port} on {settings.rpc_host} can't be used: choose "
                "another, or 0 for none"
            ) from error
        self.address = f"{settings.rpc_host}:{bound}"
        self._probes = health_server(settings, self._health)
        self._server.start()
        if self._probes is not None:
            self._probes.start()
        for name in ("", SERVICE):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    def close(self) -> None:
        """Say that it ends, let calls finish, end."""
        self._health.enter_graceful_shutdown()
        self._server.stop(_GRACE_SECONDS).wait()
        if self._probes is not None:
            self._probes.stop(None)
