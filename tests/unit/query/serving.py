"""A query service over gRPC, in this process, on made-up cells."""

from __future__ import annotations

import asyncio
import threading

import grpc
from grpc_health.v1 import health
from prometheus_client import CollectorRegistry

from sottovoce.service.access import Access, AccessSettings, GuardedServer, add_port
from sottovoce.service.access.technical import add_technical_services
from sottovoce_query.answers import Answers
from sottovoce_query.erasures.service import ERASURE_SERVICE_NAME, ErasureService
from sottovoce_query.metrics import CallMetrics
from sottovoce_query.service import SERVICE_NAME, QueryService


class ServingSettings(AccessSettings):
    query_host: str = "127.0.0.1"


class Serving:
    """Serves from its own event loop in a thread, with a door as the settings have it."""

    def __init__(self, *, max_waiting=16, cache_bytes=1 << 20, access=None):
        self._settings = access or ServingSettings()
        self.registry = CollectorRegistry()
        self.answers = Answers(cache_bytes)
        self._max_waiting = max_waiting
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    async def _run(self):
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        calls = CallMetrics(self.registry)
        self.service = QueryService(calls, self.answers, workers=2, max_waiting=self._max_waiting)
        self.erasures = ErasureService(calls)
        server = grpc.aio.server()
        guarded = GuardedServer(server, Access.of(self._settings, self.registry))
        guarded.add_generic_rpc_handlers((self.service.handler(), self.erasures.handler()))
        names = SERVICE_NAME, ERASURE_SERVICE_NAME
        add_technical_services(guarded, self._settings, health.aio.HealthServicer(), *names)
        self.address = f"127.0.0.1:{add_port(server, self._settings, 'query_host', 0)}"
        await server.start()
        self._started.set()
        await self._stop.wait()
        self.service.end()
        self.erasures.end()
        await server.stop(2)
        self.service.close()
        self.erasures.close()

    def open(self, sources, erasures=None):
        self.service.open(sources)
        if erasures is not None:
            self.erasures.open(erasures)

    def call(self, function):
        self._loop.call_soon_threadsafe(function)

    def calls(self, method, code="OK"):
        labels = {"method": method, "code": code}
        return self.registry.get_sample_value("sottovoce_query_calls_total", labels) or 0

    def refusals(self, method, reason):
        labels = {"method": method, "reason": reason}
        return self.registry.get_sample_value("sottovoce_access_refusals_total", labels) or 0

    def stop(self):
        self.call(self._stop.set)
        self._thread.join(10)
