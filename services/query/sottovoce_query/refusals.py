"""What the ledger refuses, as errors that say what it would take and when new budget comes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import grpc
from google.rpc import error_details_pb2

from sottovoce.data_sets import DataSet
from sottovoce.kafka.errors import LogError
from sottovoce.privacy import Reason, Refused
from sottovoce_query.errors import QuestionError, bad_question, iso
from sottovoce_query.releases.desk import NotReleasedError, TooMuchAtOnceError
from sottovoce_query.releases.engine import BudgetRefusedError

_SPENT: Final = (Reason.SPENT, Reason.DELTA_SPENT, Reason.RESERVE_DELTA, Reason.NOT_PURE)


@contextmanager
def as_question_errors(data_set: DataSet, statistic: str) -> Iterator[None]:
    """Turn what the ledger refuses within the block into the error for whoever asked."""
    try:
        yield
    except BudgetRefusedError as error:
        raise budget_spent(data_set, statistic, error.refused) from error
    except NotReleasedError as error:
        raise _not_released(data_set, statistic, error) from error
    except TooMuchAtOnceError as error:
        raise bad_question(
            "range",
            f"{error.missing:,} slices of {data_set.name} would have to be released first: ask for "
            f"at most {error.most:,} at once, and for more when those are there",
            "RANGE_TOO_LONG",
        ) from error
    except LogError as error:
        raise QuestionError(
            grpc.StatusCode.UNAVAILABLE,
            "SHUTTING_DOWN",
            "the service can't write to its ledger and is ending: ask another",
        ) from error


def budget_spent(data_set: DataSet, statistic: str, refused: Refused) -> QuestionError:
    """Return the error for a slice that can't pay; it names slice, need, left and what comes."""
    slice_ms = refused.slice_ms or 0
    what = "delta" if refused.reason is Reason.DELTA_SPENT else "epsilon"
    need, left = f"{float(refused.need):.4g}", f"{float(refused.left):.4g}"
    new_ms = slice_ms + data_set.slice_ms
    if refused.reason not in _SPENT:
        return QuestionError(
            grpc.StatusCode.FAILED_PRECONDITION,
            "NO_BUDGET",
            f"{statistic} of {data_set.name} can't be released for the slice that begins "
            f"{iso(slice_ms)}: {refused.reason}",
            metadata={"data_set": data_set.name, "slice": iso(slice_ms), "statistic": statistic},
        )
    message = (
        f"{statistic} of {data_set.name}: the slice that begins {iso(slice_ms)} would pay {what} "
        f"{need} and has {left} left for questions; new budget comes only with new slices, the "
        f"next of which begins {iso(new_ms)}"
    )
    violation = error_details_pb2.QuotaFailure.Violation(
        subject=f"{data_set.name}/{iso(slice_ms)}",
        description=f"{statistic} needs {what} {need}; {left} is left",
        api_service="sottovoce.v1.QueryService",
        quota_metric=what,
        quota_id=statistic,
    )
    return QuestionError(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "BUDGET_SPENT",
        message,
        metadata={
            "data_set": data_set.name,
            "slice": iso(slice_ms),
            "statistic": statistic,
            "need": need,
            "left": left,
            "new_budget": iso(new_ms),
        },
        details=[error_details_pb2.QuotaFailure(violations=[violation])],
    )


def _not_released(data_set: DataSet, statistic: str, error: NotReleasedError) -> QuestionError:
    begin = iso(error.slice_ms)
    if error.why == "slice":
        message = (
            f"the slice of {data_set.name} that begins {begin} has no budget, because the ledger "
            "is younger: nothing about it is ever released"
        )
    else:
        message = (
            f"the plan of the slice of {data_set.name} that begins {begin} has no budget for "
            f"{statistic}: an operator may give it a share for slices to come"
        )
    return QuestionError(
        grpc.StatusCode.FAILED_PRECONDITION,
        "NO_BUDGET",
        message,
        metadata={"data_set": data_set.name, "slice": begin, "statistic": statistic},
    )
