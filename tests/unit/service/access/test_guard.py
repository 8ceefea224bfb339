"""The guard in front of streams that come in, on both kinds of server."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from prometheus_client import CollectorRegistry

from sottovoce.service.access import (
    Access,
    AccessSettings,
    Callers,
    Entry,
    GuardedServer,
    Role,
    current_caller,
    new_token,
    token_hash,
    write_callers,
)
from sottovoce.service.access.roles import ALL_ROLES


class Collector:
    """An RPC that takes a stream and answers once."""

    def __init__(self):
        self.taken = threading.Semaphore(0)
        self.messages = []
        self.caller = None

    def take(self, message):
        self.caller = current_caller()
        self.messages.append(message)
        self.taken.release()

    def collect(self, requests, context):
        for each in requests:
            self.take(each)
        return b""

    async def collect_async(self, requests, context):
        async for each in requests:
            self.take(each)
        return b""


def handlers(behaviour):
    method = grpc.stream_unary_rpc_method_handler(behaviour)
    return (grpc.method_handlers_generic_handler("test.Service", {"Collect": method}),)


@pytest.fixture(params=["threads", "event loop"])
def served(request, tmp_path, monkeypatch):
    monkeypatch.setattr("sottovoce.service.access.callers_file.LOOK_SECONDS", 0.0)
    rules = {"/test.Service/Collect": ALL_ROLES}
    monkeypatch.setattr("sottovoce.service.access.roles.RULES", rules)
    path, token = tmp_path / "callers.json", new_token()
    entry = Entry(name="a", roles={Role.WRITER}, token_sha256=token_hash(token))
    write_callers(path, Callers([entry]))
    access = Access.of(AccessSettings(access_file=path), CollectorRegistry())
    collector = Collector()
    if request.param == "threads":
        server = grpc.server(ThreadPoolExecutor(2))
        GuardedServer(server, access).add_generic_rpc_handlers(handlers(collector.collect))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield collector, port, path, token
        server.stop(0).wait()
        return
    loop, started, found = asyncio.new_event_loop(), threading.Event(), []

    async def serve():
        server = grpc.aio.server()
        guarded = GuardedServer(server, access)
        guarded.add_generic_rpc_handlers(handlers(collector.collect_async))
        found.append(server.add_insecure_port("127.0.0.1:0"))
        stop = asyncio.Event()
        found.append(stop)
        await server.start()
        started.set()
        await stop.wait()
        await server.stop(0)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(10)
    yield collector, found[0], path, token
    loop.call_soon_threadsafe(found[1].set)
    thread.join(10)
    loop.close()


def test_a_message_that_comes_after_the_caller_was_revoked_is_not_taken(served):
    collector, port, path, token = served

    def send():
        yield b"before"
        assert collector.taken.acquire(timeout=10)
        write_callers(path, Callers())
        yield b"after"

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        collect = channel.stream_unary("/test.Service/Collect")
        metadata = (("authorization", f"bearer {token}"),)
        with pytest.raises(grpc.RpcError) as refused:
            collect(send(), metadata=metadata, timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert collector.messages == [b"before"]
    assert collector.caller.name == "a"
