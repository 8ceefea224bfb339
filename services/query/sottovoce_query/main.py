"""`sottovoce-query`: from the log to answers."""

from __future__ import annotations

import asyncio
import sys
import threading

import grpc
from grpc_health.v1 import health, health_pb2

import sottovoce
from sottovoce.errors import SottovoceError
from sottovoce.service.access import Access, GuardedServer, add_port
from sottovoce.service.access.probes import async_health_server
from sottovoce.service.access.technical import add_technical_services
from sottovoce.service.logging import configure_logging, get_logger
from sottovoce.service.metrics import new_registry, serve_metrics
from sottovoce.service.settings import end_with_error, load_settings
from sottovoce.service.shutdown import Shutdown
from sottovoce_query.answers import Answers
from sottovoce_query.cells import Materialiser
from sottovoce_query.erasures.service import ERASURE_SERVICE_NAME, ErasureService
from sottovoce_query.memory import share_one_arena
from sottovoce_query.metrics import CallMetrics, HeldMetrics
from sottovoce_query.music_metrics import MusicMetrics
from sottovoce_query.release_metrics import BudgetMetrics, ReleaseMetrics
from sottovoce_query.service import SERVICE_NAME, QueryService
from sottovoce_query.settings import QuerySettings

_PROGRAM = "sottovoce-query"
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 1024 * 1024),
    ("grpc.max_send_message_length", 32 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


class AddressInUseError(SottovoceError):
    """The port of gRPC is taken."""


class Follower(threading.Thread):
    """The materialiser's thread: catches up, says so, follows the log.

    Args:
        settings: of the service.
        query: the process; is told when there is something to see, ready and new, and of the end.
    """

    def __init__(self, settings: QuerySettings, query: Query) -> None:
        super().__init__(name="materialiser", daemon=True)
        self._settings = settings
        self._query = query
        self._stop_asked = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        """Follow the log until `stop`; what goes wrong stands in `error`."""
        try:
            self._settings.require_broker()
            materialiser = Materialiser(self._settings, self._query.changed, self._query.releases)
            self._query.materialises(materialiser)
            try:
                materialiser.catch_up()
                self._query.ready(materialiser)
                materialiser.follow(self._stop_asked)
            finally:
                materialiser.close()
        except Exception as error:  # noqa: BLE001 - it ends the process, with its reason
            self.error = error
            self._query.failed()

    def stop(self) -> None:
        """Ask for the end and wait for it."""
        self._stop_asked.set()
        self.join(timeout=10.0)


class Query:
    """The process: a server on the event loop, a materialiser in a thread."""

    def __init__(self, settings: QuerySettings, shutdown: Shutdown) -> None:
        self._settings = settings
        self._shutdown = shutdown
        self._loop = asyncio.get_running_loop()
        self._registry = new_registry("query", sottovoce.__version__)
        self._answers = Answers(settings.query_cache_mb * 1024 * 1024)
        calls = CallMetrics(self._registry)
        self._erasures = ErasureService(calls)
        self._service = QueryService(
            calls,
            self._answers,
            workers=settings.query_workers,
            max_waiting=settings.query_max_waiting,
        )
        self._releases = ReleaseMetrics(self._registry)
        self._health = health.aio.HealthServicer()

    @property
    def releases(self) -> ReleaseMetrics:
        """Is told what becomes of releases."""
        return self._releases

    def changed(self) -> None:
        """More is complete, or erased; from the materialiser's thread."""
        self._loop.call_soon_threadsafe(self._service.notify)
        self._loop.call_soon_threadsafe(self._erasures.notify)

    def materialises(self, materialiser: Materialiser) -> None:
        """The materialiser begins to catch up, which its figures tell; from its thread."""
        self._registry.register(HeldMetrics(materialiser, self._answers))
        if materialiser.releasing is not None:
            self._registry.register(BudgetMetrics(materialiser.releasing))
            self._registry.register(MusicMetrics(materialiser.sources))

    def ready(self, materialiser: Materialiser) -> None:
        """The materialiser has caught up; from its thread."""
        asyncio.run_coroutine_threadsafe(self._open(materialiser), self._loop).result()

    def failed(self) -> None:
        """The materialiser can't go on; from its thread."""
        self._shutdown.request()

    async def _open(self, materialiser: Materialiser) -> None:
        self._service.open(materialiser.sources)
        self._erasures.open(materialiser.erasures)
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)
        get_logger().info("ready", privacy_mode=self._settings.privacy_mode)

    async def _set_health(self, status: int) -> None:
        for name in ("", SERVICE_NAME, ERASURE_SERVICE_NAME):
            await self._health.set(name, status)

    async def run(self) -> None:
        """Serve until the shutdown is asked for.

        Raises:
            SottovoceError: the port is taken, or the log can't be read.
        """
        settings = self._settings
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=settings.query_max_rpcs)
        guarded = GuardedServer(server, Access.of(settings, self._registry))
        guarded.add_generic_rpc_handlers((self._service.handler(), self._erasures.handler()))
        add_technical_services(guarded, settings, self._health, SERVICE_NAME, ERASURE_SERVICE_NAME)
        port = _listen(server, settings)
        probes = async_health_server(settings, self._health)
        serve_metrics(settings, self._registry)
        await server.start()
        if probes is not None:
            await probes.start()
        get_logger().info("listening", address=f"{settings.query_host}:{port}")
        follower = Follower(settings, self)
        follower.start()
        while not self._shutdown.requested:
            await asyncio.sleep(0.1)
        await self._stop(server, follower)
        if probes is not None:
            await probes.stop(None)
        if follower.error is not None:
            raise follower.error

    async def _stop(self, server: grpc.aio.Server, follower: Follower) -> None:
        get_logger().info("ending")
        await self._health.enter_graceful_shutdown()
        if follower.error is None:
            await asyncio.sleep(self._settings.query_drain_seconds)
        self._service.end()
        self._erasures.end()
        await server.stop(self._settings.query_grace_seconds)
        await asyncio.to_thread(follower.stop)
        self._service.close()
        self._erasures.close()
        get_logger().info("ended")


def _listen(server: grpc.aio.Server, settings: QuerySettings) -> int:
    try:
        return add_port(server, settings, "query_host", settings.query_port)
    except RuntimeError as error:
        raise AddressInUseError(
            f"gRPC can't listen on {settings.query_host}:{settings.query_port}: choose another "
            "query_port"
        ) from error


async def _serve(settings: QuerySettings, shutdown: Shutdown) -> None:
    await Query(settings, shutdown).run()


def main(arguments: list[str] | None = None) -> None:
    """Run the service; the last line on stderr says why it failed, if it did."""
    share_one_arena()
    try:
        settings = load_settings(
            QuerySettings, _PROGRAM, sys.argv[1:] if arguments is None else arguments
        )
        configure_logging(settings, "query")
        get_logger().info("starting", version=sottovoce.__version__)
        asyncio.run(_serve(settings, Shutdown()))
    except SottovoceError as error:
        end_with_error(error)


if __name__ == "__main__":
    main()
