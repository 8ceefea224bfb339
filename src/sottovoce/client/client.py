"""Asking from ordinary code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from sottovoce.client.transport import GrpcTransport, Transport
from sottovoce.wire.v1 import query_pb2


class Client:
    """A query service, asked one question at a time. Safe to use from several threads.

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

    >>> from datetime import timedelta
    >>> from sottovoce.client import Client
    >>> with Client("127.0.0.1:50051") as client:
    ...     last = client.latest("live", timedelta(minutes=10))
    ...     for entry in client.top_tracks("live", last, size=3).entries:
    ...         print(entry.rank, entry.name, entry.count.value)
    1 Made-up Artist: First Song 7.0
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
        transport: Transport | None = None,
    ) -> None:
        self._transport = transport or GrpcTransport(
            address,
            tls.channel_credentials() if tls and credentials is None else credentials,
            token,
            tls_terminated_elsewhere=tls_terminated_elsewhere,
        )
        self._timeout = timeout

    def _ask[Answer](self, call: Call[Answer]) -> Answer:
        return call.read(self._transport.unary(call.method, call.request, self._timeout))

    def latest(self, data_set: str, length: timedelta, grain: Grain = "pane") -> TimeRange:
        """Return the newest complete range of this length, rounded up to the grain."""
        return calls.latest_range(self.status(), data_set, length, grain)

    def distinct_listeners(self, data_set: str, asked: TimeRange) -> answers.Count:
        """How many different listeners, over whole slices."""
        return self._ask(calls.distinct(data_set, asked, query_pb2.DISTINCT_LISTENERS))

    def distinct_tracks(self, data_set: str, asked: TimeRange) -> answers.Count:
        """How many different tracks."""
        return self._ask(calls.distinct(data_set, asked, query_pb2.DISTINCT_TRACKS))

    def distinct_artists(self, data_set: str, asked: TimeRange) -> answers.Count:
        """How many different artists."""
        return self._ask(calls.distinct(data_set, asked, query_pb2.DISTINCT_ARTISTS))

    def played(self, data_set: str, asked: TimeRange, tracks: Iterable[AnyTrack]) -> answers.Played:
        """Whether tracks were played; a text is a Spotify id."""
        return self._ask(calls.played(data_set, asked, tracks))

    def played_filter(self, data_set: str, asked: TimeRange) -> answers.PlayedFilter:
        """The played tracks as a Bloom filter."""
        return self._ask(calls.played_filter(data_set, asked))

    def sample(
        self, data_set: str, asked: TimeRange, size: int = 0, kind: Kind | None = None
    ) -> answers.Sample:
        """Listens that look like the crowd's, over whole slices; 64 for 0.

        Args:
            data_set: such as `live`.
            asked: whole slices.
            size: how many at most.
            kind: None for what the service's privacy mode gives: made up, or one's own.
        """
        return self._ask(calls.sample(data_set, asked, size, kind))

    def window(self, data_set: str, series: Series, length: timedelta) -> answers.Count:
        """The sum of a series over the last complete panes, up to 30 days."""
        return self._ask(calls.window(data_set, series, length))

    def series(
        self, data_set: str, asked: TimeRange, series: Series, grain: SeriesGrain = "pane"
    ) -> answers.SeriesPoints:
        """A series, pane by pane or slice by slice."""
        return self._ask(calls.series(data_set, asked, series, grain))

    def top_tracks(
        self, data_set: str, asked: TimeRange, *, by: By = "plays", size: int = 10
    ) -> answers.Top:
        """The tracks with the most plays, or listeners over whole slices."""
        return self._ask(calls.top(data_set, asked, query_pb2.ENTITY_TRACKS, by, size))

    def top_artists(
        self, data_set: str, asked: TimeRange, *, by: By = "plays", size: int = 10
    ) -> answers.Top:
        """The artists with the most plays, or listeners over whole slices."""
        return self._ask(calls.top(data_set, asked, query_pb2.ENTITY_ARTISTS, by, size))

    def genres(self, data_set: str, asked: TimeRange) -> answers.Distribution:
        """Plays by primary genre."""
        return self._ask(calls.distribution(data_set, asked, query_pb2.DIMENSION_GENRE))

    def countries(self, data_set: str, asked: TimeRange) -> answers.Distribution:
        """Plays by country."""
        return self._ask(calls.distribution(data_set, asked, query_pb2.DIMENSION_COUNTRY))

    def correlation(self, data_set: str, asked: TimeRange) -> answers.Correlation:
        """How audio features go together in what was played."""
        return self._ask(calls.correlation(data_set, asked))

    def similar(self, track: AnyTrack, size: int = 10) -> answers.Similar:
        """Tracks of the catalogue that sound like one; a text is a Spotify id."""
        return self._ask(calls.similar(track, size))

    def search(self, text: str, size: int = 10) -> answers.Found:
        """Tracks of the catalogue by words of their title and artists."""
        return self._ask(calls.search(text, size))

    def trends(
        self, data_set: str, length: timedelta | None = None, size: int = 10
    ) -> Iterator[answers.Trends]:
        """What is played, at once and after each pane that becomes complete.

        Args:
            data_set: such as `live`.
            length: how far back the rankings look; one slice where None.
            size: entries of each ranking.
        """
        call = calls.trends(data_set, length, size)
        for response in self._transport.stream(call.method, call.request):
            yield call.read(response)

    def budget(self, data_set: str = "", size: int = 0) -> Budget:
        """What slices may spend and have spent, the newest first; 24 of each data set for 0."""
        return self._ask(calls.budget(data_set, size))

    def charges(self, data_set: str = "") -> Iterator[LedgerCharge]:
        """Every charge of the ledger, in its order."""
        call = calls.charges(data_set)
        for response in self._transport.stream(call.method, call.request):
            yield call.read(response)

    def status(self) -> answers.Status:
        """What is complete through when, and why it waits."""
        return self._ask(calls.status())

    def request_erasure(self, pseudonym: str) -> Erasure:
        """Ask for a listener to be erased; for stewards.

        Args:
            pseudonym: 32 hexadecimal digits. Whether anybody knows it, no answer tells.
        """
        return self._ask(erasure_calls.request(pseudonym))

    def erasure(self, erasure: str) -> Erasure:
        """How far an erasure has come, by its id or the beginning of it."""
        return self._ask(erasure_calls.get(erasure))

    def erasures(self) -> Iterator[Erasure]:
        """Every erasure, the newest first."""
        token = None
        while token != "":
            found, token = self._ask(erasure_calls.page(token or ""))
            yield from found

    def watch_erasure(self, erasure: str, timeout: float | None = None) -> Iterator[Erasure]:
        """How far an erasure has come, at once and after each step, to its end.

        Args:
            erasure: its id, or the beginning of it.
            timeout: seconds after which it ends with `Unavailable`; None: none.
        """
        call = erasure_calls.watch(erasure)
        for response in self._transport.stream(call.method, call.request, timeout):
            yield call.read(response)

    def erasure_certificate(self, erasure: str) -> Certificate:
        """The certificate of an erasure; issued as it stands, while it is not complete."""
        return self._ask(erasure_calls.certificate(erasure))

    def close(self) -> None:
        """Let go of the connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
