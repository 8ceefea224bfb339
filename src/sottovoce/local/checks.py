"""Comparing single answers with the truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sottovoce.client import Distribution, Estimate, Top


@dataclass(frozen=True, slots=True)
class Check:
    """One answer beside the truth, in words, and whether they agree."""

    question: str
    answer: str
    truth: str
    fine: bool


def check_exact(question: str, answer: Estimate, truth: int) -> Check:
    """Compare a figure that must be the truth, and lie within its own interval."""
    right = answer.value == truth and answer.lower <= truth <= answer.upper
    return Check(question, in_words(answer), f"{truth:,}", right)


def in_words(answer: Estimate) -> str:
    """Return a figure, with its interval where it has one."""
    if answer.lower == answer.upper:
        return f"{answer.value:,.0f}"
    return f"{answer.value:,.0f} ({answer.lower:,.0f} to {answer.upper:,.0f})"


def check_ranking(question: str, answer: Top, truth: Counter[Any]) -> Check:
    """Compare a ranking, whose equal counts may stand in any order.

    So the list of counts decides, and each entry's own count.
    """
    counts = [round(each.count.value) for each in answer.entries]
    best = [count for _, count in truth.most_common(len(counts) or 1)]
    names = [each.track.id if each.track else each.artist for each in answer.entries]
    right = counts == best and [truth[name] for name in names] == counts
    first = answer.entries[0] if answer.entries else None
    told = f"{first.name}, {first.count.value:,.0f}" if first else "nothing"
    return Check(question, told, f"{best[0]:,}" if best else "nothing", right and bool(names))


def check_distribution(question: str, answer: Distribution, truth: Counter[Any]) -> Check:
    """Compare plays by genre or country, and their total."""
    found = {each.name: round(each.plays.value) for each in answer.shares if each.plays.value}
    right = found == dict(truth) and answer.total.value == truth.total()
    told = f"{len(found)} kinds, {answer.total.value:,.0f} plays"
    return Check(question, told, f"{len(truth)} kinds, {truth.total():,} plays", right)
