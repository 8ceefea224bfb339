"""Comparing released answers with the truth: within their intervals, as often as they promise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sottovoce.client import Distribution, Estimate, Top

CONFIDENCE: Final = 0.95
_DEVIATIONS: Final = 4.9
"""So many standard deviations below what is expected a binomial falls once in a million times."""
_FAR: Final = 6.0
"""No figure lies so many half-widths of its interval from the truth: once in ten million times for
noise with the tails of Laplace's."""


@dataclass(frozen=True, slots=True)
class Check:
    """One answer beside the truth, in words, and whether they agree."""

    question: str
    answer: str
    truth: str
    fine: bool


def check_figure(question: str, answer: Estimate, truth: float) -> Check:
    """Compare one figure, which may lie outside its interval once in twenty times, never far."""
    return Check(question, in_words(answer), f"{truth:,.0f}", not _is_far(answer, truth))


def check_figures(question: str, pairs: Iterable[tuple[Estimate, float]]) -> Check:
    """Compare many figures: as many as promised lie within their intervals, and none lies far."""
    every = list(pairs)
    inside = sum(answer.contains(truth) for answer, truth in every)
    spread = math.sqrt(len(every) * CONFIDENCE * (1.0 - CONFIDENCE))
    wanted = max(0, math.ceil(len(every) * CONFIDENCE - _DEVIATIONS * spread))
    far = sum(_is_far(answer, truth) for answer, truth in every)
    told = f"{inside} of {len(every)} within their intervals"
    if far:
        told += f", {far} far"
    return Check(question, told, f"at least {wanted}", bool(every) and inside >= wanted and not far)


def check_ranking(question: str, answer: Top, truth: Counter[Any]) -> Check:
    """Compare a ranking: each entry's own count."""
    pairs = [
        (each.count, truth[each.track.id if each.track else each.artist]) for each in answer.entries
    ]
    found = check_figures(question, pairs)
    first = answer.entries[0] if answer.entries else None
    told = f"{first.name}, {in_words(first.count)}; {found.answer}" if first else "nothing"
    # The first few of a ranking were chosen for their noise too: only what is far is wrong.
    return Check(question, told, found.truth, bool(pairs) and "far" not in found.answer)


def check_distribution(question: str, answer: Distribution, truth: Counter[Any]) -> Check:
    """Compare plays by genre or country; their shares and their total, which are made of them.

    Only the plays have noises of their own, so only of them as many as promised must be inside.
    """
    total = truth.total()
    found = check_figures(question, [(each.plays, truth[each.name]) for each in answer.shares])
    made = [(each.share, truth[each.name] / max(total, 1)) for each in answer.shares]
    far = sum(_is_far(figure, exact) for figure, exact in [*made, (answer.total, total)])
    told = f"{len(answer.shares)} kinds, {in_words(answer.total)} plays; {found.answer}"
    if far:
        told += f", {far} shares or totals far"
    return Check(question, told, found.truth, found.fine and not far)


def in_words(answer: Estimate) -> str:
    """Return a figure, with its interval where it has one."""
    if answer.lower == answer.upper:
        return f"{answer.value:,.0f}"
    return f"{answer.value:,.0f} ({answer.lower:,.0f} to {answer.upper:,.0f})"


def _is_far(answer: Estimate, truth: float) -> bool:
    width = max(answer.upper - answer.value, answer.value - answer.lower)
    if not math.isfinite(width):
        return False
    return abs(answer.value - truth) > _FAR * width + 1e-9
