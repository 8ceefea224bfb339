"""The certificate of an erasure."""

from __future__ import annotations

from sottovoce.wire.v1 import erasure_service_pb2
from sottovoce_query.erasures.register import ErasureRegister


def get_erasure_certificate(
    request: erasure_service_pb2.GetErasureCertificateRequest, register: ErasureRegister
) -> erasure_service_pb2.GetErasureCertificateResponse:
    """Answer GetErasureCertificate; issues one where no complete one stands."""
    signed, complete = register.certificate(request.id)
    return erasure_service_pb2.GetErasureCertificateResponse(certificate=signed, complete=complete)
