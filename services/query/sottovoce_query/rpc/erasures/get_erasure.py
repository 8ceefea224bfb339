"""How far an erasure has come."""

from __future__ import annotations

from sottovoce.wire.v1 import erasure_service_pb2
from sottovoce_query.erasures.register import ErasureRegister


def get_erasure(
    request: erasure_service_pb2.GetErasureRequest, register: ErasureRegister
) -> erasure_service_pb2.GetErasureResponse:
    """Answer GetErasure."""
    return erasure_service_pb2.GetErasureResponse(erasure=register.get(request.id))
