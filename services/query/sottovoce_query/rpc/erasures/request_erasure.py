"""Asking for a listener to be erased."""

from __future__ import annotations

from sottovoce.erasure.pseudonyms import pseudonym_of
from sottovoce.wire.v1 import erasure_service_pb2
from sottovoce_query.erasures.register import ErasureRegister
from sottovoce_query.errors import bad_question


def request_erasure(
    request: erasure_service_pb2.RequestErasureRequest, register: ErasureRegister
) -> erasure_service_pb2.RequestErasureResponse:
    """Answer RequestErasure; whether anybody knows the listener is not looked up."""
    if not request.listener_high and not request.listener_low:
        raise bad_question("listener_high", "no pseudonym was given: both its halves are 0")
    pseudonym = pseudonym_of(request.listener_high, request.listener_low)
    return erasure_service_pb2.RequestErasureResponse(erasure=register.request(pseudonym))
