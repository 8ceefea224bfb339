"""Whether what a page shows is live, stale or kept from before the service went away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sottovoce.client import CredentialsUnusable, DataSetStatus, NotAllowed, Status
from sottovoce_dashboard import wording
from sottovoce_dashboard.asking import Answer, Memory

type State = Literal["live", "sealed", "waiting", "stale", "down"]

QUIET: Final = timedelta(seconds=30)
"""A consumer that committed nothing for longer is not heard of."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """What to tell the reader about how fresh a page is.

    Attributes:
        state: in one word.
        sentence: what that means, and since when.
    """

    state: State
    sentence: str


def judge(
    status: Answer[Status], data_set: str, memory: Memory, address: str, now: datetime
) -> Freshness:
    """Judge from the last status, and whether it is a new one."""
    if isinstance(status.problem, NotAllowed | CredentialsUnusable):
        return Freshness(
            "down",
            f"The query service at {address} does not let the dashboard in: {status.problem}.",
        )
    if status.problem is not None:
        return Freshness("down", _away(status.problem.reason, memory, address))
    known = None if status.value is None else status.value.data_sets.get(data_set)
    if known is None:
        return Freshness("waiting", f"The query service knows no data set {data_set!r} yet.")
    quiet_since = known.committed_at
    if known.complete_through is None:
        return Freshness("waiting", f"Nothing is complete yet. {known.waits_for}")
    if known.name == "history":
        return Freshness("sealed", f"Sealed through {_sealed(known)}.")
    through = wording.moment(known.complete_through)
    if quiet_since is not None and now - quiet_since > QUIET:
        return Freshness(
            "stale",
            f"The consumer has committed nothing for {wording.length(_whole(now - quiet_since))}. "
            f"Complete through {through}.",
        )
    return Freshness(
        "live", f"Complete through {through}, {wording.ago(now - known.complete_through)}."
    )


def _sealed(known: DataSetStatus) -> str:
    assert known.complete_through is not None
    # Days are meant: a seal through the 5th is complete through midnight of the 6th.
    if known.slice >= timedelta(days=1):
        return wording.day(known.complete_through - timedelta(days=1))
    return wording.moment(known.complete_through)


def _away(reason: str, memory: Memory, address: str) -> str:
    why = {
        "NOT_READY": f"The query service at {address} is starting: it still reads the log.",
        "SHUTTING_DOWN": f"The query service at {address} is shutting down.",
    }.get(reason, f"The query service at {address} does not answer.")
    since = (
        ""
        if memory.away_since is None
        else (f" Away since {wording.moment(memory.away_since, date=False)}.")
    )
    shown = (
        " There is no earlier answer to show."
        if memory.last_answer is None
        else f" Shown below: answers of {wording.moment(memory.last_answer)}."
    )
    return f"{why}{since}{shown} Asking again by itself."


def _whole(duration: timedelta) -> timedelta:
    return timedelta(seconds=round(duration.total_seconds()))
