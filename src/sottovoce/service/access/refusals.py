"""Why a call is refused at the door: gRPC codes with the details of google.rpc."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2, status_pb2

from sottovoce.errors import SottovoceError
from sottovoce.service.access.roles import Role
from sottovoce.wire.status import rich_status


class Refused(SottovoceError):  # noqa: N818 - it says what happened
    """A call that is not let in.

    Args:
        code: how gRPC calls it.
        reason: from the list of this module, such as TOKEN_EXPIRED.
        message: one sentence that tells nothing of other callers.
        retry_seconds: when it is worth calling again; None where waiting does not help.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        retry_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.retry_seconds = retry_seconds

    def to_status(self) -> status_pb2.Status:
        """Return the rich status that travels as `grpc-status-details-bin`."""
        details = []
        if self.retry_seconds is not None:
            delay = duration_pb2.Duration()
            delay.FromMilliseconds(max(1, round(1000 * self.retry_seconds)))
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
        return rich_status(self.code, str(self), self.reason, details=details)


def without_rule(method: str) -> Refused:
    """Return the refusal of an RPC that nobody has made a rule for."""
    return Refused(
        grpc.StatusCode.PERMISSION_DENIED,
        "RPC_WITHOUT_RULE",
        f"{method} has no rule that says who may call it, so nobody may",
    )


def credentials_missing() -> Refused:
    """Return the refusal of a call that does not say whose it is."""
    return Refused(
        grpc.StatusCode.UNAUTHENTICATED,
        "CREDENTIALS_MISSING",
        "a token is needed: `authorization: Bearer TOKEN` in the call's metadata",
    )


def credentials_wrong() -> Refused:
    """Return the refusal of a token or certificate that is nobody's."""
    return Refused(
        grpc.StatusCode.UNAUTHENTICATED,
        "CREDENTIALS_WRONG",
        "the token or certificate is none that is let in here: was it revoked, or made for "
        "another service?",
    )


def expired() -> Refused:
    """Return the refusal of a token that was let in once."""
    return Refused(
        grpc.StatusCode.UNAUTHENTICATED,
        "TOKEN_EXPIRED",
        "the token or certificate was let in until it expired: ask for a new one",
    )


def role_missing(method: str, may: Iterable[Role]) -> Refused:
    """Return the refusal of a known caller that is not let in for this."""
    roles = " or ".join(sorted(may))
    return Refused(
        grpc.StatusCode.PERMISSION_DENIED,
        "ROLE_MISSING",
        f"{method.rpartition('/')[2]} needs the role {roles}, which this caller has not",
    )


def rate_limited(per_second: float, retry_seconds: float) -> Refused:
    """Return the refusal of a caller that calls too often."""
    return Refused(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "RATE_LIMITED",
        f"this caller may call {per_second:g} times a second: call again in {retry_seconds:.2g} s",
        retry_seconds,
    )
