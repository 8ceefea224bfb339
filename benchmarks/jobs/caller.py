"""Calls one gRPC method with the same bytes again and again; prints what it saw as JSON.

    python -m benchmarks.jobs.caller '{"address": ..., "method": ..., "request": HEX, "clients": 8,
                                       "seconds": 2, "rate": 0}'

Each client is a connection. Without a rate, each calls again as soon as it is answered (closed
loop). With one, calls go out on a clock, over the clients in turn, whatever became of the calls
before (open loop), and latency counts from when a call was due.

It speaks HTTP/2 itself, in as few words as a server accepts: a client of grpcio costs as much CPU a
call as the server, and hands its thread of Python to and fro, so that it would measure itself.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_ACK = _END_STREAM = 1
_END_HEADERS: Final = 4
_MOST: Final = (1 << 31) - 1
_ROOM: Final = 65_535
_WARM_SECONDS: Final = 0.3


class CallFailedError(RuntimeError):
    """The server did not answer as it did before."""


class Client:
    """A connection to a gRPC server that calls one method with one request.

    Args:
        address: HOST:PORT, without TLS.
        method: "/SERVICE/METHOD".
        request: the serialised message.
    """

    def __init__(self, address: str, method: str, request: bytes) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = _header_block(address, method)
        self._message = b"\0" + struct.pack(">I", len(request)) + request
        self._room = _ROOM
        self._stream = -1
        self._due: dict[int, float] = {}
        self._bytes: dict[int, int] = {}
        self._answer_bytes = 0
        self._received = b""
        no_table_all_windows = struct.pack(">HIHIHI", 1, 0, 2, 0, 4, _MOST)
        self._socket.sendall(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, no_table_all_windows)
            + _frame(_WINDOW, 0, 0, struct.pack(">I", _MOST - _ROOM))
        )

    def fileno(self) -> int:
        """Return the socket's number, for `select`."""
        return self._socket.fileno()

    @property
    def waiting(self) -> int:
        """How many calls were not answered yet."""
        return len(self._due)

    def call(self, due: float) -> None:
        """Send a call that was due at a time."""
        self._stream += 2
        self._room -= len(self._message)
        if self._room < 0:
            raise CallFailedError("the server takes no more requests: its window is closed")
        self._due[self._stream] = due
        self._bytes[self._stream] = 0
        self._socket.sendall(
            _frame(_HEADERS, _END_HEADERS, self._stream, self._headers)
            + _frame(_DATA, _END_STREAM, self._stream, self._message)
        )

    def receive(self) -> Iterator[float]:
        """Take in what there is; yield when each call that was answered had been due."""
        received = self._socket.recv(1 << 18)
        if not received:
            raise CallFailedError("the server closed the connection")
        self._received += received
        begin = 0
        while len(self._received) - begin >= 9:
            length = int.from_bytes(self._received[begin : begin + 3])
            if len(self._received) - begin < 9 + length:
                break
            kind, flags, stream = struct.unpack_from(">BBI", self._received, begin + 3)
            body = self._received[begin + 9 : begin + 9 + length]
            begin += 9 + length
            yield from self._take(kind, flags, stream & _MOST, body)
        self._received = self._received[begin:]

    def _take(self, kind: int, flags: int, stream: int, body: bytes) -> Iterator[float]:
        if kind == _DATA:
            self._bytes[stream] += len(body)
        elif kind == _WINDOW and not stream:
            self._room += int.from_bytes(body)
        elif kind in (_SETTINGS, _PING) and not flags & _ACK:
            self._socket.sendall(_frame(kind, _ACK, 0, body if kind == _PING else b""))
        elif kind in (_RESET, _GOAWAY):
            raise CallFailedError(f"the server broke off: frame {kind}, {body!r}")
        if kind in (_DATA, _HEADERS) and flags & _END_STREAM:
            answered = self._bytes.pop(stream)
            self._answer_bytes = self._answer_bytes or answered
            if not answered or answered != self._answer_bytes:
                raise CallFailedError(
                    f"{answered} bytes where {self._answer_bytes} were before, then {body!r}"
                )
            yield self._due.pop(stream)


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + body


def _header_block(address: str, method: str) -> bytes:
    """Return the headers of every call in HPACK: from its static table, and as they are."""

    def text(value: str) -> bytes:
        return bytes([len(value)]) + value.encode()

    post, http, path, authority = b"\x83", b"\x86", b"\x04", b"\x01"
    block = post + http + path + text(method) + authority + text(address)
    for name, value in (("te", "trailers"), ("content-type", "application/grpc")):
        block += b"\0" + text(name) + text(value)
    return block


def call_closed(clients: list[Client], seconds: float) -> tuple[list[float], list[float]]:
    """Let each client call again as soon as it is answered; return latencies, and none late."""
    took: list[float] = []
    end = time.perf_counter() + seconds
    for client in clients:
        client.call(time.perf_counter())
    while any(client.waiting for client in clients):
        for client in select.select(clients, [], [], 10.0)[0]:
            for due in client.receive():
                now = time.perf_counter()
                took.append(now - due)
                if now < end:
                    client.call(now)
    return took, [0.0]


def call_open(
    clients: list[Client], rate: float, seconds: float
) -> tuple[list[float], list[float]]:
    """Call on a clock; return latencies, and how late each call was sent, both from when due."""
    took: list[float] = []
    late: list[float] = []
    calls = int(rate * seconds)
    start = time.perf_counter()
    while len(took) < calls:
        while len(late) < calls:
            due = start + len(late) / rate
            if (wait := due - time.perf_counter()) > 0:
                break
            clients[len(late) % len(clients)].call(due)
            late.append(-wait)
        for client in select.select(clients, [], [], wait if wait > 0 else 10.0)[0]:
            now = time.perf_counter()
            took += [now - each for each in client.receive()]
    return took, late


def main() -> None:
    """Call; print the rate, the percentiles of latency and how late calls went out, in ms."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    request = bytes.fromhex(asked["request"])
    clients = [Client(asked["address"], asked["method"], request) for _ in range(asked["clients"])]
    call_closed(clients, _WARM_SECONDS)
    began = time.perf_counter()
    if asked["rate"]:
        took, late = call_open(clients, asked["rate"], asked["seconds"])
    else:
        took, late = call_closed(clients, asked["seconds"])
    seconds = time.perf_counter() - began
    p50, p90, p99 = np.percentile(took, [50, 90, 99]) * 1000
    told = {
        "calls": len(took), "rate": len(took) / seconds, "p50": p50, "p90": p90, "p99": p99,
        "late_p99": np.percentile(late, 99) * 1000,
    }  # fmt: skip
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
