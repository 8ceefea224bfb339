"""A bare gRPC server that answers every call with the same bytes: the floor of any answer's cost.

python -m benchmarks.jobs.echo sync|aio BYTES
"""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

METHOD = "Echo"
SERVICE = "bench.Echo"


def serve_sync(answer: bytes) -> None:
    """Serve from a pool of threads."""

    def echo(_: bytes, __: Any) -> bytes:
        return answer

    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_handler(echo),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening 127.0.0.1:{port} ", flush=True)
    server.wait_for_termination()


async def serve_aio(answer: bytes) -> None:
    """Serve from an event loop."""

    async def echo(_: bytes, __: Any) -> bytes:
        return answer

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_handler(echo),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening 127.0.0.1:{port} ", flush=True)
    await server.wait_for_termination()


def _handler(echo: Any) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        SERVICE, {METHOD: grpc.unary_unary_rpc_method_handler(echo)}
    )


if __name__ == "__main__":
    answer = bytes(int(sys.argv[2]))
    if sys.argv[1] == "sync":
        serve_sync(answer)
    else:
        asyncio.run(serve_aio(answer))
