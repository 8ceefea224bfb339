"""The plain port for probes: health, and nothing else."""

from __future__ import annotations

import asyncio
import socket

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from sottovoce.local import ports
from sottovoce.service.access import AccessSettings
from sottovoce.service.access.probes import (
    HealthPortError,
    async_health_server,
    health_server,
)

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def ask(port):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        return health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(), timeout=5
        ).status  # fmt: skip


def test_none_is_served_where_no_port_is_named():
    assert health_server(AccessSettings(), health.HealthServicer()) is None


def test_it_answers_for_health_without_credentials_and_for_nothing_else():
    port, servicer = ports.free_port(), health.HealthServicer()
    server = health_server(AccessSettings(health_port=port), servicer)
    server.start()
    try:
        servicer.set("", NOT_SERVING)
        assert ask(port) == NOT_SERVING
        servicer.set("", SERVING)
        assert ask(port) == SERVING
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            other = channel.unary_unary("/sottovoce.v1.QueryService/GetStatus")
            with pytest.raises(grpc.RpcError) as refused:
                other(b"", timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    finally:
        server.stop(None).wait()


def test_on_an_event_loop_too():
    async def serve():
        port, servicer = ports.free_port(), health.aio.HealthServicer()
        server = async_health_server(AccessSettings(health_port=port), servicer)
        await server.start()
        await servicer.set("", SERVING)
        told = await asyncio.to_thread(ask, port)
        await server.stop(None)
        return told

    assert asyncio.run(serve()) == SERVING


def test_a_port_that_is_taken_is_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HealthPortError, match=f"health_port {port} on 127.0.0.1"):
            health_server(AccessSettings(health_port=port), health.HealthServicer())
