"""Handing plays to a running producer, or to a writer of this process where none runs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast

import grpc

from sottovoce.catalogue import int_to_spotify_id, name_track_id
from sottovoce.catalogue.errors import TrackIdError
from sottovoce.client.settings import CallerSettings
from sottovoce.wire import listens as wire
from sottovoce.wire.v1 import producer_pb2, producer_pb2_grpc
from sottovoce_producer.accounts import Accounts
from sottovoce_producer.assembly import Assembly, assemble
from sottovoce_producer.errors import ProducerError
from sottovoce_producer.plays import Plays, Tracks
from sottovoce_producer.rpc import MAX_REQUEST_BYTES
from sottovoce_producer.settings import HandOverSettings
from sottovoce_producer.sources import Sink
from sottovoce_producer.writer import Batch

_ANSWERS_WITHIN_SECONDS: Final = 5.0
_WRITES_WITHIN_SECONDS: Final = 120.0
_NOT_LET_IN: Final = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)


class RunningProducer:
    """The writer of another process, behind its gRPC.

    Args:
        target: HOST:PORT.
        caller: what is shown there, and whom is trusted.

    Raises:
        CredentialsUnusable: a file can't be read, or the token would go unencrypted.
    """

    def __init__(self, target: str, caller: CallerSettings) -> None:
        self._target = target
        self._metadata = caller.metadata
        self._channel = caller.channel(
            target, [("grpc.max_send_message_length", MAX_REQUEST_BYTES)]
        )
        self._stub = producer_pb2_grpc.ProducerServiceStub(self._channel)

    def answers(self) -> bool:
        """Return whether a producer is there.

        Raises:
            ProducerError: something is there that is none, or that does not answer: it may be a
                producer that is busy, which a writer of our own would end.
        """
        request = producer_pb2.GetCursorRequest()
        try:
            self._stub.GetCursor(
                request, timeout=_ANSWERS_WITHIN_SECONDS, metadata=self._metadata()
            )
        except grpc.RpcError as error:
            code = cast("grpc.Call", error).code()
            if code == grpc.StatusCode.UNAVAILABLE and not _listens(self._target):
                return False
            if code == grpc.StatusCode.UNAVAILABLE:
                raise ProducerError(
                    f"something listens at rpc_target {self._target} but can't be talked to "
                    f"({cast('grpc.Call', error).details()}): a producer that speaks TLS needs "
                    "ca_file, and client_cert_file where it asks for one"
                ) from error
            if code == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise ProducerError(
                    f"rpc_target {self._target} did not answer within "
                    f"{_ANSWERS_WITHIN_SECONDS:g} s: if a producer runs there, it is busy, so try "
                    "again; if none does, let this process write: --hand-over never"
                ) from error
            if code in _NOT_LET_IN:
                raise ProducerError(
                    f"the producer at {self._target} does not let this caller in: "
                    f"{cast('grpc.Call', error).details()}"
                ) from error
            raise ProducerError(
                f"what answers at rpc_target {self._target} is no producer ({code.name})"
            ) from error
        return True

    def cursor(self, source: str) -> bytes | None:
        """Return where a source stands."""
        request = producer_pb2.GetCursorRequest(source=source)
        try:
            response = self._stub.GetCursor(
                request, timeout=_WRITES_WITHIN_SECONDS, metadata=self._metadata()
            )
        except grpc.RpcError as error:
            raise self._gone(error) from error
        return response.cursor if response.HasField("cursor") else None

    def write(self, batch: Batch) -> producer_pb2.PlayCounts:
        """Hand a batch over; return what became of its plays once it is committed.

        Raises:
            ProducerError: the producer refused it or went away.
        """
        request = producer_pb2.WritePlaysRequest(
            data_set=batch.data_set,
            source=batch.source,
            cursor=batch.cursor or b"",
            plays=_messages(batch.plays),
        )
        try:
            responses = self._stub.WritePlays(
                iter([request]), timeout=_WRITES_WITHIN_SECONDS, metadata=self._metadata()
            )
            counts = next(responses).counts
        except (grpc.RpcError, StopIteration) as error:
            raise self._gone(error) from error
        counts.malformed += batch.malformed
        return counts

    def connect(self, account: str, tokens: bytes) -> None:
        """Hand an account's tokens over, to be sealed in the vault.

        Raises:
            ProducerError: the producer refused them or went away.
        """
        request = producer_pb2.ConnectAccountRequest(account=account, tokens=tokens)
        try:
            self._stub.ConnectAccount(
                request, timeout=_WRITES_WITHIN_SECONDS, metadata=self._metadata()
            )
        except grpc.RpcError as error:
            why = cast("grpc.Call", error).details()
            raise ProducerError(
                f"the producer at {self._target} did not take the connection: {why}"
            ) from error

    def forget(self, account: str) -> int:
        """Have an account forgotten; return from when on its plays count again.

        Raises:
            ProducerError: the producer refused it or went away.
        """
        request = producer_pb2.ForgetAccountRequest(account=account)
        try:
            response = self._stub.ForgetAccount(
                request, timeout=_WRITES_WITHIN_SECONDS, metadata=self._metadata()
            )
        except grpc.RpcError as error:
            why = cast("grpc.Call", error).details()
            raise ProducerError(
                f"the producer at {self._target} did not forget the account: {why}. Run this "
                "again: an account may be forgotten twice"
            ) from error
        return response.rests_until_ms

    def close(self) -> None:
        """Let go of the connection."""
        self._channel.close()

    def _gone(self, error: Exception) -> ProducerError:
        why = "it ended the call"
        if isinstance(error, grpc.RpcError):
            call = cast("grpc.Call", error)
            why = call.details() or call.code().name
        return ProducerError(
            f"the producer at {self._target} did not take plays: {why}. Run this again: it goes on "
            "where it stood"
        )


@contextmanager
def open_sink(settings: HandOverSettings) -> Iterator[Sink]:
    """Give the running producer if one answers, else a writer of this process's own.

    Raises:
        ProducerError: none answers, and one is asked for.
        SottovoceError: this process can't write itself; says why.
    """
    with _open(settings) as found:
        yield found if isinstance(found, RunningProducer) else found.writer


@contextmanager
def open_accounts(settings: HandOverSettings) -> Iterator[RunningProducer | Accounts]:
    """Give the accounts of whoever `open_sink` would write with.

    Raises:
        ProducerError: none answers, and one is asked for.
        SottovoceError: this process can't write itself; says why.
    """
    with _open(settings) as found:
        yield found if isinstance(found, RunningProducer) else found.accounts


@contextmanager
def _open(settings: HandOverSettings) -> Iterator[RunningProducer | Assembly]:
    if settings.hand_over != "never":
        running = RunningProducer(settings.rpc_target, settings)
        try:
            if running.answers():
                yield running
                return
        finally:
            running.close()
        if settings.hand_over == "always":
            raise ProducerError(
                f"no producer answers at rpc_target {settings.rpc_target}: start one with "
                "`sottovoce-producer run`, or let this process write: --hand-over never"
            )
    assembly = assemble(settings)
    try:
        yield assembly
    finally:
        assembly.close()


def _listens(target: str) -> bool:
    """Whether anything does, a producer or not: what may be one must not be written beside."""
    host, _, port = target.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _ANSWERS_WITHIN_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def _messages(plays: Plays) -> Iterator[producer_pb2.Play]:
    ids = _spotify_ids(plays.tracks)
    tracks, known = plays.tracks, plays.flags
    columns = zip(
        plays.account.tolist(),
        plays.track.tolist(),
        plays.end_time_ms.tolist(),
        plays.ms_played.tolist(),
        plays.country.tolist(),
        known.tolist(),
        plays.private.tolist(),
        strict=True,
    )
    countries = {
        code: wire.country_name(code) if code else "" for code in set(plays.country.tolist())
    }
    for account, track, end, played, country, flags, private in columns:
        play = producer_pb2.Play(
            account=plays.accounts[account],
            spotify_id=ids[track],
            artist=tracks.artist[track],
            title=tracks.title[track],
            album=tracks.album[track],
            end_time_ms=end,
            country=countries[country],
            offline=bool(flags & wire.OFFLINE),
            private_session=private,
        )
        if flags & wire.MS_PLAYED_KNOWN:
            play.ms_played = played
        if flags & wire.SKIPPED_KNOWN:
            play.skipped = bool(flags & wire.SKIPPED)
        if flags & wire.SHUFFLE_KNOWN:
            play.shuffle = bool(flags & wire.SHUFFLE)
        yield play


def _spotify_ids(tracks: Tracks) -> list[str]:
    """Return each track's id in base 62; empty where it comes from the names."""
    ids = []
    for place, (high, low) in enumerate(
        zip(tracks.high.tolist(), tracks.low.tolist(), strict=True)
    ):
        try:
            named = name_track_id(tracks.artist[place], tracks.title[place]) == (high, low)
        except TrackIdError:
            named = False
        ids.append("" if named else int_to_spotify_id(high, low))
    return ids
