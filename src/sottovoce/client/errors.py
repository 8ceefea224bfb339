"""What can go wrong when asking: one error for each thing that a caller can do about it."""

# ruff: noqa: N818 - a name says what is the matter

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sottovoce.errors import SottovoceError


class QueryError(SottovoceError):
    """A question got no answer.

    Attributes:
        reason: the service's word for it, such as RANGE_NOT_COMPLETE.
        metadata: figures for a program, as text.
        retry_after: how long to wait before asking again; None where waiting does not help.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after


class BadQuestion(QueryError):
    """The question makes no sense: a range off the grain, a name that is none."""


class NotFound(QueryError):
    """There is no such data set, genre or track; the message says what there is."""


class NotComplete(QueryError):
    """The range reaches beyond what is complete; `retry_after` says when it may be."""


class NoLongerHeld(QueryError):
    """The range begins before what is still kept."""


class TooManyQuestions(QueryError):
    """The service is busy; ask again after `retry_after`."""


class BudgetSpent(QueryError):
    """A slice can't pay for the question; `metadata` says which, the need, and what is left."""


class NoBudget(QueryError):
    """A slice has no budget for the question, and never will."""


class NoSigningKey(QueryError):
    """The service was given no key to sign certificates with."""


class NotAllowed(QueryError):
    """The service does not let this caller ask this."""


class CredentialsUnusable(QueryError):
    """What the caller was told to show can't be shown: nothing was asked."""


class Unavailable(QueryError):
    """The service can't be reached, is starting, or is ending."""


class ServiceFault(QueryError):
    """The service failed, or answered what this version does not understand."""
