"""The caller's HTTP/2 against a real gRPC server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from benchmarks.jobs.caller import CallFailedError, Client, call_closed, call_open


class Served:
    """A server that notes what it was asked, and answers with what it is told to."""

    def __init__(self):
        self.asked: list[bytes] = []
        self.answer = b"answer"
        self._server = grpc.server(ThreadPoolExecutor(2))
        handler = grpc.unary_unary_rpc_method_handler(self._call)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("bench.Echo", {"Echo": handler}),)
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def _call(self, request, _context):
        self.asked.append(request)
        return self.answer

    def client(self, method="/bench.Echo/Echo", request=b"what?"):
        return Client(self.address, method, request)

    def stop(self):
        self._server.stop(None).wait()


@pytest.fixture
def served():
    server = Served()
    yield server
    server.stop()


def test_every_call_reaches_the_server_with_its_bytes_and_is_timed(served):
    clients = [served.client(), served.client()]
    took, _ = call_closed(clients, 0.1)
    assert len(took) == len(served.asked) > 2
    assert set(served.asked) == {b"what?"}
    assert all(each > 0 for each in took)


def test_a_clock_offers_as_many_calls_as_it_says_whatever_the_server_does(served):
    took, late = call_open([served.client(), served.client()], rate=200, seconds=0.25)
    assert len(took) == len(late) == len(served.asked) == 50
    assert all(sent <= answered for sent, answered in zip(sorted(late), sorted(took), strict=True))


def test_more_requests_than_a_window_holds_go_through(served):
    request = bytes(10_000)
    took, _ = call_open([served.client(request=request)], rate=200, seconds=0.25)
    assert len(took) == 50  # 500 kB; the first window is 64 kB


def test_a_method_that_is_not_there_is_no_answer(served):
    with pytest.raises(CallFailedError):
        call_closed([served.client("/bench.Echo/Other")], 0.1)


def test_an_answer_of_another_size_is_not_taken_for_one(served):
    client = served.client()
    call_closed([client], 0.0)
    served.answer = b"something else"
    with pytest.raises(CallFailedError, match="19 bytes where 11"):
        call_closed([client], 0.0)
