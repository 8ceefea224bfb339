"""Why a question has no answer: gRPC codes with the details of google.rpc.

Each error is one sentence with a reason from a fixed list, so that a program can act on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import grpc
from google.protobuf import duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from sottovoce.errors import SottovoceError
from sottovoce.wire.status import rich_status


class QuestionError(SottovoceError):
    """A question that can't be answered.

    Args:
        code: how gRPC calls it.
        reason: from the list of this module, such as RANGE_NOT_COMPLETE.
        message: one sentence: what was wrong, the value, what to do.
        metadata: figures for a program, as text.
        details: further messages of google.rpc.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        details: Sequence[Message] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.details = tuple(details)

    def to_status(self) -> status_pb2.Status:
        """Return the rich status that travels as `grpc-status-details-bin`."""
        return rich_status(self.code, str(self), self.reason, self.metadata, self.details)


def bad_question(field: str, message: str, reason: str = "BAD_QUESTION") -> QuestionError:
    """Return the error for a field of the request that makes no sense."""
    violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
    return QuestionError(
        grpc.StatusCode.INVALID_ARGUMENT,
        reason,
        f"{field}: {message}",
        metadata={"field": field},
        details=[error_details_pb2.BadRequest(field_violations=[violation])],
    )


def not_found(reason: str, message: str, **metadata: str) -> QuestionError:
    """Return the error for something that is not there; the message says what is."""
    return QuestionError(grpc.StatusCode.NOT_FOUND, reason, message, metadata=metadata)


def not_complete(message: str, retry_seconds: float | None, **metadata: str) -> QuestionError:
    """Return the error for a range that reaches beyond what is complete.

    Args:
        message: one sentence.
        retry_seconds: when it is worth asking again; None where only an operator can tell.
        metadata: such as `complete_through`.
    """
    details: list[Message] = []
    if retry_seconds is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(max(1, round(1000 * retry_seconds)))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return QuestionError(
        grpc.StatusCode.FAILED_PRECONDITION,
        "RANGE_NOT_COMPLETE",
        message,
        metadata=metadata,
        details=details,
    )


def out_of_range(message: str, **metadata: str) -> QuestionError:
    """Return the error for a range that begins before what is held."""
    return QuestionError(
        grpc.StatusCode.OUT_OF_RANGE, "RANGE_NO_LONGER_HELD", message, metadata=metadata
    )


def iso(time_ms: int) -> str:
    """Return a time in milliseconds since 1970 as ISO 8601, UTC."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds" if time_ms % 1000 else "seconds").replace(
        "+00:00", "Z"
    )
