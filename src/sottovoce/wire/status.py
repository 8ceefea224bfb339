"""The rich status of gRPC: one sentence for a person, a reason and figures for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

DOMAIN: Final = "sottovoce"
DETAILS_KEY: Final = "grpc-status-details-bin"
"""The trailing metadata that carries the status."""


def rich_status(
    code: grpc.StatusCode,
    message: str,
    reason: str,
    metadata: Mapping[str, str] | None = None,
    details: Sequence[Message] = (),
) -> status_pb2.Status:
    """Return what travels as `grpc-status-details-bin`.

    Args:
        code: how gRPC calls it.
        message: one sentence.
        reason: from a fixed list, such as RANGE_NOT_COMPLETE.
        metadata: figures for a program, as text.
        details: further messages of google.rpc.
    """
    info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)
    packed = []
    for detail in (info, *details):
        box = any_pb2.Any()
        box.Pack(detail)
        packed.append(box)
    return status_pb2.Status(code=code_pb2.Code.Value(code.name), message=message, details=packed)
