"""How figures, times and ranges are put into words. Times are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sottovoce.client import Basis, Estimate, TimeRange

_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_PRIVACY: Final = {
    "enforced": (
        "Privacy mode: enforced. Every figure about listening has noise in it that hides what one "
        "listener did; its interval says how much."
    ),
    "personal": (
        "Privacy mode: personal. One person's own history on their own machine: figures are exact, "
        "and protect nobody else."
    ),
}


_SAMPLES: Final = {
    "synthetic": (
        ":violet-badge[synthetic] Every row is made up: track, country and time were drawn, each "
        "for itself, from released figures. No row is anybody's, so what goes with what in a row "
        "means nothing."
    ),
    "own": ":orange-badge[own] Rows of your own history, every set of so many equally likely.",
    "real": (
        ":orange-badge[real rows] Listens of real people, coarsened until several share each "
        "row; differential privacy does not cover them."
    ),
}


def count(value: float) -> str:
    """Return a count with its thousands apart."""
    return f"{round(value):,}"


def interval(estimate: Estimate) -> str:
    """Return where an estimate lies, such as "1,180 to 1,260", or "exact"."""
    low, high = count(estimate.lower), count(estimate.upper)
    return "exact" if low == high else f"{low} to {high}"


def estimate(figure: Estimate) -> str:
    """Return an estimate with its interval, such as "1,220 (1,180 to 1,260)"."""
    around = interval(figure)
    return count(figure.value) if around == "exact" else f"{count(figure.value)} ({around})"


def share(part: float) -> str:
    """Return a share as a percentage that never says 0 % of something."""
    if 0 < part < 0.001:
        return "< 0.1 %"
    return f"{100 * part:.1f} %"


def length(duration: timedelta) -> str:
    """Return a length of time in the largest units, such as "2 minutes" or "1 hour 30 minutes"."""
    rest = duration.total_seconds()
    words: list[str] = []
    for seconds, name in _UNITS:
        number, left = divmod(rest, seconds)
        if number and len(words) < 2:
            words.append(f"{number:.0f} {name}{'' if number == 1 else 's'}")
            rest = left
    return " ".join(words) or f"{1000 * rest:.0f} ms"


def per(duration: timedelta) -> str:
    """Return a length of time as what follows "per", such as "minute" or "30 seconds"."""
    text = length(duration)
    return text.removeprefix("1 ") if text.count(" ") == 1 else text


def moment(time: datetime, *, date: bool = True) -> str:
    """Return a time, such as "23 Nov 2026 06:15:30 UTC"."""
    there = time.astimezone(UTC)
    clock = there.strftime("%H:%M:%S") if there.second else there.strftime("%H:%M")
    return f"{day(there)} {clock} UTC" if date else f"{clock} UTC"


def day(time: datetime) -> str:
    """Return a date, such as "5 Nov 2026"."""
    return f"{time.day} {time.strftime('%b %Y')}"


def time_range(asked: TimeRange) -> str:
    """Return a range: dates alone where it is of whole days, the date once where it is of one."""
    start, end = asked.start.astimezone(UTC), asked.end.astimezone(UTC)
    midnights = not (start - _midnight(start) or end - _midnight(end))
    if midnights:
        last = end - timedelta(days=1)
        return day(start) if last <= start else f"{day(start)} to {day(last)}"
    clock = "%H:%M:%S" if start.second or end.second else "%H:%M"
    if start.date() == end.date():
        return f"{day(start)}, {start.strftime(clock)} to {end.strftime(clock)} UTC"
    return f"{day(start)} {start.strftime(clock)} to {day(end)} {end.strftime(clock)} UTC"


def ago(duration: timedelta) -> str:
    """Return how long ago something was, such as "4 seconds ago"."""
    seconds = max(0, round(duration.total_seconds()))
    return "just now" if seconds < 1 else f"{length(timedelta(seconds=seconds))} ago"


def basis(about: Basis, *, exact: bool) -> str:
    """Return over which range and on what basis an answer holds, in one sentence.

    Args:
        about: the answer's basis.
        exact: whether its figures have no interval to speak of.
    """
    parts = [f"{about.data_set}, {time_range(about.range)} ({length(about.range.length)})"]
    if not exact:
        parts.append(f"intervals hold with {100 * about.confidence:.0f} % confidence")
    if about.catalogue_versions:
        more = len(about.catalogue_versions) - 1
        others = f" and {more} older" if more else ""
        parts.append(f"catalogue {about.catalogue_versions[0][:8]}{others}")
    return "; ".join(parts) + "."


def privacy(mode: str) -> str:
    """Return what a privacy mode means to the reader."""
    return _PRIVACY.get(mode, "Privacy mode: unknown. Treat these figures as unprotected.")


def sample_kind(kind: str) -> str:
    """Return what the rows of a sample are, in Markdown."""
    return _SAMPLES.get(kind, "This sample does not say what its rows are.")


def epsilon(value: float) -> str:
    """Return an epsilon with as many digits as matter, such as "1" or "0.125"."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def budget(epsilon_of_slice: float, delta: float) -> str:
    """Return what a slice may spend, such as "epsilon 1 a slice, delta 1e-9"."""
    return f"epsilon {epsilon(epsilon_of_slice)} a slice, delta {probability(delta)}"


def probability(value: float) -> str:
    """Return a small probability, such as "1e-9"."""
    return f"{value:.0e}".replace("e-0", "e-")


def _midnight(time: datetime) -> datetime:
    return time.replace(hour=0, minute=0, second=0, microsecond=0)
