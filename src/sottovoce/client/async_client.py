"""Asking from an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Self

import grpc

from sottovoce.client import answers, calls, erasure_calls
from sottovoce.client.asked import Series, TimeRange
from sottovoce.client.budget import Budget, LedgerCharge
from sottovoce.client.calls import AnyTrack, By, Call, Grain, Kind, SeriesGrain
from sottovoce.client.credentials import Tls
from sottovoce.client.erasures import Certificate, Erasure
from sottovoce.client.transport import AsyncGrpcTransport, AsyncTransport
from sottovoce.wire.v1 import query_pb2


class AsyncClient:
    """A query service, asked from an event loop: `Client`, awaited. Make it on the loop.

    Args:
        address: HOST:PORT.
        token: what to show as a bearer, or the file that holds it.
        tls: how to speak TLS; None for a plain connection.
        credentials: of gRPC, instead of `tls`.
        tls_terminated_elsewhere: whether the token may go over a plain connection to another
            machine, because a mesh or a proxy speaks TLS.
        timeout: seconds that an answer may take.
        transport: what to use instead of gRPC.

    Every method raises a `QueryError` where there is no answer.

    >>> import asyncio
    >>> from sottovoce.client import AsyncClient
    >>> async def admitted() -> int:
    ...     async with AsyncClient("127.0.0.1:50051") as client:
    ...         return (await client.status()).data_sets["live"].admitted
    >>> asyncio.run(admitted())
    7
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50051",
        *,
        token: str | Path | None = None,
        tls: Tls | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        tls_terminated_elsewhere: bool = False,
        timeout: float = 30.0,
        transport: AsyncTransport | None = None,
    ) -> None:
        self._transport = transport or AsyncGrpcTransport(
            address,
            tls.channel_credentials() if tls and credentials is None else credentials,
            token,
            tls_terminated_elsewhere=tls_terminated_elsewhere,
        )
        self._timeout = timeout

    async def _ask[Answer](self, call: Call[Answer]) -> Answer:
        return call.read(await self._transport.unary(call.method, call.request, self._timeout))

    async def latest(self, data_set: str, length: timedelta, grain: Grain = "pane") -> TimeRange:
        """Return the newest complete range of this length, rounded up to the grain."""
        return calls.latest_range(await self.status(), data_set, length, grain)

    async def distinct_listeners(self, data_set: str, asked: TimeRange) -> answers.Count:
        """How many different listeners, over whole slices."""
        return await self._ask(calls.distinct(data_set, asked, query_pb2.DISTINCT_LISTENERS))

    async def distinct_tracks(self, data_set: str, asked: TimeRange) -> answers.Count:
        """How many different tracks."""
        return await self._ask(calls.distinct(data_set, asked, query_pb2.DISTINCT_TRACKS))

    async def distinct_artists(self, data_set: str, asked: TimeRange) -> answers.Count:
        """How many different artists."""
        return await self._ask(calls.distinct(data_set, asked, query_pb2.DISTINCT_ARTISTS))

    async def played(
        self, data_set: str, asked: TimeRange, tracks: Iterable[AnyTrack]
    ) -> answers.Played:
        """Whether tracks were played; a text is a Spotify id."""
        return await self._ask(calls.played(data_set, asked, tracks))

    async def played_filter(self, data_set: str, asked: TimeRange) -> answers.PlayedFilter:
        """The played tracks as a Bloom filter."""
        return await self._ask(calls.played_filter(data_set, asked))

    async def sample(
        self, data_set: str, asked: TimeRange, size: int = 0, kind: Kind | None = None
    ) -> answers.Sample:
        """Listens that look like the crowd's, over whole slices; 64 for 0.

        Args:
            data_set: such as `live`.
            asked: whole slices.
            size: how many at most.
            kind: None for what the service's privacy mode gives: made up, or one's own.
        """
        return await self._ask(calls.sample(data_set, asked, size, kind))

    async def window(self, data_set: str, series: Series, length: timedelta) -> answers.Count:
        """The sum of a series over the last complete panes, up to 30 days."""
        return await self._ask(calls.window(data_set, series, length))

    async def series(
        self, data_set: str, asked: TimeRange, series: Series, grain: SeriesGrain = "pane"
    ) -> answers.SeriesPoints:
        """A series, pane by pane or slice by slice."""
        return await self._ask(calls.series(data_set, asked, series, grain))

    async def top_tracks(
        self, data_set: str, asked: TimeRange, *, by: By = "plays", size: int = 10
    ) -> answers.Top:
        """The tracks with the most plays, or listeners over whole slices."""
        return await self._ask(calls.top(data_set, asked, query_pb2.ENTITY_TRACKS, by, size))

    async def top_artists(
        self, data_set: str, asked: TimeRange, *, by: By = "plays", size: int = 10
    ) -> answers.Top:
        """The artists with the most plays, or listeners over whole slices."""
        return await self._ask(calls.top(data_set, asked, query_pb2.ENTITY_ARTISTS, by, size))

    async def genres(self, data_set: str, asked: TimeRange) -> answers.Distribution:
        """Plays by primary genre."""
        return await self._ask(calls.distribution(data_set, asked, query_pb2.DIMENSION_GENRE))

    async def countries(self, data_set: str, asked: TimeRange) -> answers.Distribution:
        """Plays by country."""
        return await self._ask(calls.distribution(data_set, asked, query_pb2.DIMENSION_COUNTRY))

    async def correlation(self, data_set: str, asked: TimeRange) -> answers.Correlation:
        """How audio features go together in what was played."""
        return await self._ask(calls.correlation(data_set, asked))

    async def similar(self, track: AnyTrack, size: int = 10) -> answers.Similar:
        """Tracks of the catalogue that sound like one; a text is a Spotify id."""
        return await self._ask(calls.similar(track, size))

    async def search(self, text: str, size: int = 10) -> answers.Found:
        """Tracks of the catalogue by words of their title and artists."""
        return await self._ask(calls.search(text, size))

    async def trends(
        self, data_set: str, length: timedelta | None = None, size: int = 10
    ) -> AsyncIterator[answers.Trends]:
        """What is played, at once and after each pane that becomes complete.

        Args:
            data_set: such as `live`.
            length: how far back the rankings look; one slice where None.
            size: entries of each ranking.
        """
        call = calls.trends(data_set, length, size)
        async for response in self._transport.stream(call.method, call.request):
            yield call.read(response)

    async def budget(self, data_set: str = "", size: int = 0) -> Budget:
        """What slices may spend and have spent, the newest first; 24 of each data set for 0."""
        return await self._ask(calls.budget(data_set, size))

    async def charges(self, data_set: str = "") -> AsyncIterator[LedgerCharge]:
        """Every charge of the ledger, in its order."""
        call = calls.charges(data_set)
        async for response in self._transport.stream(call.method, call.request):
            yield call.read(response)

    async def status(self) -> answers.Status:
        """What is complete through when, and why it waits."""
        return await self._ask(calls.status())

    async def request_erasure(self, pseudonym: str) -> Erasure:
        """Ask for a listener to be erased; for stewards.

        Args:
            pseudonym: 32 hexadecimal digits. Whether anybody knows it, no answer tells.
        """
        return await self._ask(erasure_calls.request(pseudonym))

    async def erasure(self, erasure: str) -> Erasure:
        """How far an erasure has come, by its id or the beginning of it."""
        return await self._ask(erasure_calls.get(erasure))

    async def erasures(self) -> AsyncIterator[Erasure]:
        """Every erasure, the newest first."""
        token = None
        while token != "":
            found, token = await self._ask(erasure_calls.page(token or ""))
            for each in found:
                yield each

    async def watch_erasure(
        self, erasure: str, timeout: float | None = None
    ) -> AsyncIterator[Erasure]:
        """How far an erasure has come, at once and after each step, to its end.

        Args:
            erasure: its id, or the beginning of it.
            timeout: seconds after which it ends with `Unavailable`; None: none.
        """
        call = erasure_calls.watch(erasure)
        async for response in self._transport.stream(call.method, call.request, timeout):
            yield call.read(response)

    async def erasure_certificate(self, erasure: str) -> Certificate:
        """The certificate of an erasure; issued as it stands, while it is not complete."""
        return await self._ask(erasure_calls.certificate(erasure))

    async def close(self) -> None:
        """Let go of the connection."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
