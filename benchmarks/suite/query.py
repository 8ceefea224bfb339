"""A cached answer beside a bare gRPC echo that answers as many bytes."""

from __future__ import annotations

import json
import statistics
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from benchmarks.ground import Ground
from benchmarks.jobs import echo
from benchmarks.made_up_cells import make_cells
from benchmarks.processes import Child, Weight
from benchmarks.results import Result, Table, Target
from benchmarks.services import QUERY, QueryChild
from sottovoce.wire.v1 import query_pb2

QUESTION = "What does a cached answer cost beside an empty gRPC call?"
_SIZES = {"tiny": ((1, 16), 0.6, 1), "full": ((1, 2, 4, 8, 16, 32, 64), 1.2, 3)}
_CLOCKED_CLIENTS = 16
_CLOCKED_SECONDS = 4.0
_PERCENTILES = ("p50", "p90", "p99", "late_p99")


def measure(size: str) -> Result:
    """Call the service and the echoes in turns."""
    clients, seconds, rounds = _SIZES["tiny" if size == "tiny" else "full"]
    with Ground(shards=4, days=1) as ground:
        make_cells(ground, slices=3, listens_per_cell=20_000, variants=2)
        with QueryChild(ground) as query:
            method, request, answer = _question(ground, query.address)
            command = ["-m", "benchmarks.jobs.echo"]
            echoes = {
                style: Child(f"echo-{style}", [*command, style, str(len(answer))], ground.folder)
                for style in ("sync", "aio")
            }
            try:
                ways: dict[str, tuple[Child, str, str]] = {
                    "cached answer": (query, query.address, method)
                }
                for style, child in echoes.items():
                    child.wait_for("listening ")
                    address = child.log.read_text().split()[1]
                    ways[f"echo, {style}"] = (child, address, f"/{echo.SERVICE}/{echo.METHOD}")
                return _measure(ground, ways, request, len(answer), clients, seconds, rounds)
            finally:
                for child in echoes.values():
                    child.stop()


def _measure(
    ground: Ground,
    ways: dict[str, tuple[Child, str, str]],
    request: bytes,
    answer_bytes: int,
    clients: tuple[int, ...],
    seconds: float,
    rounds: int,
) -> Result:
    rates: dict[str, dict[int, float]] = {way: {} for way in ways}
    p99: dict[str, dict[int, float]] = {way: {} for way in ways}
    cpu: dict[str, float] = {}
    for count in clients:
        found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, (child, address, method) in ways.items():
                before: Weight = child.weigh()
                told = _call(ground, address, method, request, count, seconds, 0)
                found[way].append(told)
                # As busy as it gets: what a call costs the server, whoever calls.
                cpu[way] = child.weigh().since(before) / told["calls"] * 1e6
        for way, each in found.items():
            rates[way][count] = statistics.median(told["rate"] for told in each)
            p99[way][count] = statistics.median(told["p99"] for told in each)
    half = max(rates["cached answer"].values()) / 2
    loaded: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, (_, address, method) in ways.items():
            told = _call(ground, address, method, request, _CLOCKED_CLIENTS, _CLOCKED_SECONDS, half)
            loaded[way].append(told)
    at_half = {
        way: {p: statistics.median(told[p] for told in each) for p in _PERCENTILES}
        for way, each in loaded.items()
    }
    best_echo = {n: max(rates["echo, aio"][n], rates["echo, sync"][n]) for n in clients}
    ratio = statistics.median(rates["cached answer"][n] / rates["echo, aio"][n] for n in clients)
    to_best = statistics.median(rates["cached answer"][n] / best_echo[n] for n in clients)
    return Result(
        "query",
        QUESTION,
        tables=[
            Table(
                f"Calls a second, answers of {answer_bytes} bytes; the p99 in ms behind the slash",
                ["way", *(f"{n} clients" for n in clients), "server CPU, us a call"],
                [
                    [way, *(f"{rates[way][n]:,.0f} / {p99[way][n]:.1f}" for n in clients), cpu[way]]
                    for way in ways
                ],
            ),
            Table(
                f"At half load, {half:,.0f} calls a second on a clock, in ms",
                ["way", "p50", "p90", "p99", "sent late by, p99"],
                [[way, *(each[p] for p in _PERCENTILES)] for way, each in at_half.items()],
            ),
        ],
        targets=[
            Target("cached answer / echo, aio", ratio, 0.8, "at least"),
            Target("cached answer / the faster echo", to_best, 0.8, "at least"),
            Target(
                "cached answer, p99 at half load",
                at_half["cached answer"]["p99"],
                5.0,
                "at most",
                "ms",
            ),
        ],
        figures={"rates": rates, "p99": p99, "cpu_us": cpu, "half": half, "at_half": at_half},
        notes=[
            (
                "Clients are connections of one process beside the server, on the same cores, "
                "which ask one question again and again; medians of the rounds, then of the counts "
                "of clients. The echo is grpcio with nothing behind it. The clients speak HTTP/2 "
                "themselves: a client of grpcio costs as much as the server and stalls by itself."
            ),
            (
                "Half load is half of the most that the cached answer reached, offered to every "
                f"way alike: over {_CLOCKED_CLIENTS} connections on a clock, whatever became of "
                "the calls before. Latency counts from when a call was due, so what the caller "
                "itself was late by is in it; the last column tells how much that is."
            ),
            (
                "Everything shares the cores, which is hard on the sync echo, whose threads wait "
                "for one another. With a core of its own it does about twice as many calls as "
                "either asyncio server, so the ratio to the aio echo tells more."
            ),
        ],
    )


def _question(ground: Ground, address: str) -> tuple[str, bytes, bytes]:
    """Return a method, a request about the last complete slice, and its answer."""
    with grpc.insecure_channel(address) as channel:
        ask: Any = channel.unary_unary
        status = query_pb2.GetStatusResponse.FromString(ask(f"/{QUERY}/GetStatus")(b""))
        live = next(each for each in status.data_sets if each.name == ground.live.name)
        end = live.complete_through
        start = Timestamp(seconds=end.seconds - ground.live.slice_ms // 1000)
        request = query_pb2.ListTopRequest(
            data_set=live.name,
            range=query_pb2.TimeRange(start=start, end=end),
            entity=query_pb2.ENTITY_TRACKS,
            size=10,
        ).SerializeToString()
        method = f"/{QUERY}/ListTop"
        answer: bytes = ask(method)(request)
    return method, request, answer


def _call(
    ground: Ground, address: str, method: str, request: bytes, clients: int, seconds: float,
    rate: float,
) -> dict[str, Any]:  # fmt: skip
    asked = {
        "address": address, "method": method, "request": request.hex(), "clients": clients,
        "seconds": seconds, "rate": rate,
    }  # fmt: skip
    command = ["-m", "benchmarks.jobs.caller", json.dumps(asked)]
    with Child("caller", command, ground.folder) as child:
        child.wait(seconds * 10 + 30)
        told: dict[str, Any] = json.loads(child.log.read_text())
    return told
