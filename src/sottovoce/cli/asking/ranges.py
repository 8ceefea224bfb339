"""Ranges of time on the command line: `--last 10m`, or `--from` and `--to`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from sottovoce.client import BadQuestion, Client, NotFound, TimeRange
from sottovoce.client.calls import Grain

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")


def parse_duration(text: str, option: str = "--last") -> timedelta:
    """Read a length of time such as 90s, 10m, 1h30m, 7d.

    Raises:
        BadQuestion: it is none, or 0.
    """
    found = _DURATION.findall(text.lower())
    if not found or _DURATION.sub("", text.lower()).strip():
        raise BadQuestion(f"{option}: {text!r} is no length of time; write 90s, 10m, 1h30m or 7d")
    try:
        length = sum((timedelta(**{_UNITS[unit]: float(n)}) for n, unit in found), timedelta())
    except OverflowError:
        length = timedelta.max
    if not timedelta(0) < length < timedelta(days=36_525):
        raise BadQuestion(f"{option}: {text!r} must be above 0 and below 100 years")
    return length


def parse_time(text: str, option: str) -> datetime:
    """Read a date or a time of ISO 8601; without a zone it is UTC.

    Raises:
        BadQuestion: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadQuestion(
            f"{option}: {text!r} is no time; write 2026-05-01 or 2026-05-01T13:00 (UTC unless it "
            "names a zone)"
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_range(
    client: Client,
    data_set: str,
    grain: Grain,
    last: str | None,
    begin: str | None,
    end: str | None,
) -> TimeRange:
    """Return the range that the options mean; the last complete slice where none is given.

    Raises:
        BadQuestion: both ways are mixed, or a value makes no sense.
        NotComplete: nothing is complete yet.
    """
    if last and (begin or end):
        raise BadQuestion("give either --last or --from and --to, not both")
    if end and not begin:
        raise BadQuestion("--to needs --from")
    if begin:
        start = parse_time(begin, "--from")
        stop = parse_time(end, "--to") if end else _newest(client, data_set, grain)
        if stop <= start:
            raise BadQuestion(
                f"the range must end after it starts: {start.isoformat()} to {stop.isoformat()}"
            )
        return TimeRange(start, stop)
    if last:
        return client.latest(data_set, parse_duration(last), grain)
    known = client.status().data_sets.get(data_set)
    if known is None:
        raise NotFound(f"no data set {data_set!r}: `sottovoce ask status` lists them")
    return client.latest(data_set, known.slice, "slice")


def _newest(client: Client, data_set: str, grain: Grain) -> datetime:
    return client.latest(data_set, timedelta(microseconds=1), grain).end
