"""Rankings as rows for a reader: places, movement, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from sottovoce.client import Estimate, TopEntry
from sottovoce_dashboard import wording

type Movement = int | Literal["new"] | None


@dataclass(frozen=True, slots=True)
class Row:
    """One place.

    Attributes:
        rank: from 1.
        title: a track's title, or an artist's name.
        detail: a track's artists; empty for an artist.
        count: plays or listeners.
        movement: ranks gained since the range before; "new" where it had no rank there; None where
            there is nothing to compare with.
        certain: whether its interval keeps clear of its neighbours', so that its place is no
            matter of noise.
    """

    rank: int
    title: str
    detail: str
    count: Estimate
    movement: Movement
    certain: bool = True


def rows(entries: Sequence[TopEntry], earlier: Sequence[TopEntry] | None) -> list[Row]:
    """Return rows with their movement against an earlier ranking; None: there is none."""
    ranks = None if earlier is None else {_identity(each): each.rank for each in earlier}
    return [
        Row(
            each.rank,
            *_names(each),
            each.count,
            _movement(each, ranks),
            _is_certain(place, entries),
        )
        for place, each in enumerate(entries)
    ]


def _is_certain(place: int, entries: Sequence[TopEntry]) -> bool:
    count = entries[place].count
    neighbours = [entries[at].count for at in (place - 1, place + 1) if 0 <= at < len(entries)]
    return count.lower == count.upper or not any(
        count.lower <= other.upper and other.lower <= count.upper for other in neighbours
    )


def _movement(entry: TopEntry, ranks: dict[str, int] | None) -> Movement:
    if ranks is None:
        return None
    before = ranks.get(_identity(entry))
    return "new" if before is None else before - entry.rank


def _identity(entry: TopEntry) -> str:
    return entry.track.id if entry.track else entry.artist


def _names(entry: TopEntry) -> tuple[str, str]:
    if entry.track is None:
        return entry.artist or "an artist without a name", ""
    title = entry.track.title or entry.track.id or "a track without a name"
    return title, ", ".join(entry.track.artists)


def to_html(listed: Sequence[Row], unit: str) -> str:
    """Return an ordered list as HTML; names are escaped, as they come from anywhere.

    A bar is solid up to the lower bound, pale from there to the upper one, with a mark at the
    figure where there is an interval.

    Args:
        listed: the rows.
        unit: what is counted, such as "plays".
    """
    most = max((each.count.upper for each in listed), default=0.0) or 1.0
    items = "".join(_item(each, most, unit) for each in listed)
    return f'<ol class="sv-ranking">{items}</ol>'


def _item(row: Row, most: float, unit: str) -> str:
    low = max(0.0, 100 * row.count.lower / most)
    high = max(low, 100 * row.count.upper / most)
    at = max(0.0, 100 * row.count.value / most)
    mark = f'<span class="sv-at" style="left:{at:.2f}%"></span>' if low < high else ""
    detail = f'<span class="sv-detail">{escape(row.detail)}</span>' if row.detail else ""
    title = f'<span class="sv-title">{escape(row.title)}</span>'
    name = f"{row.title}, {row.detail}" if row.detail else row.title
    figure = f"{wording.count(row.count.value)} {unit} ({wording.interval(row.count)})"
    tooltip = escape(f"{name}: {figure}")
    return (
        f'<li title="{tooltip}"><span class="sv-rank">{row.rank}</span>{_arrow(row)}'
        f'<span class="sv-name"><span class="sv-line">{title}{detail}</span>'
        f'<span class="sv-bar" aria-hidden="true"><span class="sv-high" style="width:{high:.2f}%">'
        f'</span><span class="sv-low" style="width:{low:.2f}%"></span>{mark}</span></span>'
        f'<span class="sv-count">{wording.count(row.count.value)}</span></li>'
    )


def _arrow(row: Row) -> str:
    movement = row.movement
    if movement is None:
        return '<span class="sv-move"></span>'
    if not row.certain:
        title = "within the noise: its neighbours may be ahead of it, or behind"
        return f'<span class="sv-move sv-same" title="{title}" aria-label="{title}">≈</span>'
    if movement == "new":
        return '<span class="sv-move sv-new" title="not ranked before">new</span>'
    if movement == 0:
        return '<span class="sv-move sv-same" title="same place as before">=</span>'
    word, sign, name = ("up", "▲", "sv-rose") if movement > 0 else ("down", "▼", "sv-fell")
    places = abs(movement)
    text = f"{word} {places} place{'' if places == 1 else 's'}"
    return (
        f'<span class="sv-move {name}" title="{text}" aria-label="{text}">{sign}&thinsp;'
        f"{places}</span>"
    )
