"""Calls one gRPC method with the same bytes again and again; prints what it saw as JSON.

    python -m benchmarks.jobs.caller '{"address": ..., "method": ..., "request": HEX, "clients": 8,
                                       "seconds": 2, "rate": 0, "style": "aio"}'

With a rate it calls on a clock, whatever became of the calls before (open loop), and latency counts
from when a call was due; without one, each client calls again as soon as it is answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from typing import Any

import grpc
import numpy as np


async def _closed(call: Any, request: bytes, clients: int, seconds: float) -> list[float]:
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def one() -> None:
        while (began := time.perf_counter()) < end:
            await call(request)
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(one() for _ in range(clients)))
    return took


async def _open(call: Any, request: bytes, rate: float, seconds: float) -> list[float]:
    took: list[float] = []
    running: set[asyncio.Task[None]] = set()
    start = time.perf_counter()

    async def one(due: float) -> None:
        await call(request)
        took.append(time.perf_counter() - due)

    for number in range(int(rate * seconds)):
        due = start + number / rate
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        task = asyncio.ensure_future(one(due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return took


async def _aio(asked: dict[str, Any]) -> list[float]:
    async with grpc.aio.insecure_channel(asked["address"]) as channel:
        call: Any = channel.unary_unary(asked["method"])
        request = bytes.fromhex(asked["request"])
        await _closed(call, request, 1, 0.2)
        if asked["rate"]:
            return await _open(call, request, asked["rate"], asked["seconds"])
        return await _closed(call, request, asked["clients"], asked["seconds"])


def _sync(asked: dict[str, Any]) -> list[float]:
    request = bytes.fromhex(asked["request"])
    found: list[list[float]] = [[] for _ in range(asked["clients"])]
    with grpc.insecure_channel(asked["address"]) as channel:
        call: Any = channel.unary_unary(asked["method"])
        call(request)
        end = time.perf_counter() + asked["seconds"]

        def one(took: list[float]) -> None:
            while (began := time.perf_counter()) < end:
                call(request)
                took.append(time.perf_counter() - began)

        threads = [threading.Thread(target=one, args=(took,)) for took in found]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return [each for took in found for each in took]


def main() -> None:
    """Call; print the rate and the percentiles of latency in milliseconds."""
    asked = json.loads(sys.argv[1])
    took = _sync(asked) if asked["style"] == "sync" else asyncio.run(_aio(asked))
    at = dict(zip(("p50", "p90", "p99"), np.percentile(took, [50, 90, 99]) * 1000, strict=True))
    print(json.dumps({"calls": len(took), "rate": len(took) / asked["seconds"], **at}), flush=True)


if __name__ == "__main__":
    main()
