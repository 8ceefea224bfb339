"""How far an erasure has come, again after each step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from sottovoce.erasure.book import GONE
from sottovoce.wire.v1 import erasure_service_pb2


async def watch_erasure(
    look: Callable[[], Awaitable[erasure_service_pb2.Erasure]],
    change: Callable[[], asyncio.Event],
) -> AsyncIterator[erasure_service_pb2.WatchErasureResponse]:
    """Answer WatchErasure: at once, after each change, until every shard has come to the end.

    Args:
        look: tells how far it has come.
        change: gives what is set when anything is written after it was given.
    """
    seen = None
    while True:
        changed = change()
        found = await look()
        if found != seen:
            seen = found
            yield erasure_service_pb2.WatchErasureResponse(erasure=found)
        if found.step == GONE:
            return
        await changed.wait()
