"""The live panel of the demo: what is played, and how the system does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sottovoce.client import Estimate, Trend, Trends
from sottovoce.local.vital_signs import VitalSigns

_BAR_WIDTH = 24
_FIXED_LINES = 16
_FIXED_COLUMNS = 60


@dataclass(frozen=True, slots=True)
class Room:
    """How much of the rankings a terminal has room for.

    Attributes:
        addresses: how many.
        entries: of each ranking.
        genres: how many.
        name: columns of a name.
    """

    addresses: int = 6
    entries: int = 10
    genres: int = 8
    name: int = 46

    @classmethod
    def of(cls, width: int, height: int) -> Room:
        """Return what fits into a terminal of so many columns and lines."""
        addresses = max(2, min(6, height - _FIXED_LINES - 5))
        lines = height - _FIXED_LINES - addresses
        entries = max(3, min(10, lines * 3 // 5))
        genres = max(2, min(8, lines - entries))
        return cls(addresses, entries, genres, max(12, min(46, (width - _FIXED_COLUMNS) // 2)))


def render(
    signs: VitalSigns,
    trends: Trends | None,
    addresses: list[tuple[str, str]],
    now: datetime,
    room: Room,
) -> RenderableType:
    """Return the panel.

    Args:
        signs: how the system does.
        trends: what is played; None before the first pane is complete.
        addresses: what listens where, or what to paste; name and text.
        now: the current time, with a zone.
        room: what fits.
    """
    return Panel(
        Group(
            _addresses(addresses[: room.addresses]),
            Text(),
            _signs(signs, now),
            Text(),
            _played(signs, trends, room),
        ),
        title="[bold]Sottovoce[/bold], live",
        subtitle="Ctrl-C stops all of it",
        box=box.ROUNDED,
        padding=(0, 2),
    )


def one_line(signs: VitalSigns, trends: Trends | None, now: datetime) -> str:
    """Return the panel as one line, for where there is no terminal."""
    parts = [f"written {_count(signs.written)} ({_rate(signs.written_rate)})"]
    parts.append(f"counted {_count(signs.counted)} ({_rate(signs.counted_rate)})")
    parts.append(f"complete through {_moment(signs.complete_through, now)}")
    if trends is not None and trends.tracks:
        first = trends.tracks[0].entry
        parts.append(f"first: {first.name} ({first.count.value:,.0f})")
    if trends is not None and trends.listeners is not None:
        parts.append(f"listeners {_estimate(trends.listeners)}")
    return "; ".join(parts)


def _addresses(addresses: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, text in addresses:
        table.add_row(Text(name, style="dim"), Text(text, style="cyan"))
    return table


def _signs(signs: VitalSigns, now: datetime) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row(
        Text("producer", style="dim"),
        f"{_rate(signs.written_rate)}, {_count(signs.written)} written",
    )
    behind = "" if signs.lag is None else f", {_count(signs.lag)} waiting"
    refused = f", {_count(signs.refused)} refused" if signs.refused else ""
    table.add_row(
        Text("consumer", style="dim"),
        f"{_rate(signs.counted_rate)}, {_count(signs.counted)} counted{behind}{refused}",
    )
    waits = f"; {escape(signs.waits_for)}" if signs.complete_through is None else ""
    table.add_row(
        Text("complete through", style="dim"), f"{_moment(signs.complete_through, now)}{waits}"
    )
    table.add_row(Text("privacy", style="dim"), _privacy(signs))
    return table


def _privacy(signs: VitalSigns) -> str:
    if signs.privacy_mode == "personal":
        return "personal: exact, and about one listener alone"
    if not signs.epsilon:
        return signs.privacy_mode or "?"
    slice_ = f"{signs.slice.total_seconds():.0f} s"
    noisy = f"enforced, epsilon {signs.epsilon:g} for a listener's slice of {slice_}"
    return f"{noisy}; ± holds in 95 of 100 cases"


def _played(signs: VitalSigns, trends: Trends | None, room: Room) -> RenderableType:
    if signs.privacy_mode == "personal" and not (trends and trends.tracks):
        return Text(
            "Nobody is made up. Import your history and seal it with the commands above: then the "
            "dashboard's data set `history` and `ask` tell about it.",
            style="dim",
        )
    if trends is None:
        return Text("The first rankings come with the first complete pane.", style="dim")
    length = trends.basis.range.length.total_seconds()
    listeners = "the first whole slice is still to come"
    if trends.listeners is not None:
        listeners = f"{_estimate(trends.listeners)} distinct listeners in the last whole slice"
    return Group(
        Text(f"Last {length:.0f} s: {_estimate(trends.plays)} plays; {listeners}", style="bold"),
        Text(),
        Columns(
            [_ranking("track", trends.tracks, room), _ranking("artist", trends.artists, room)],
            padding=2,
        ),
        _genres(trends, room),
        Text(trends.basis.notice, style="yellow"),
    )


def _ranking(what: str, entries: tuple[Trend, ...], room: Room) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column(f"top {what}s", max_width=room.name, no_wrap=True)
    table.add_column("plays", justify="right")
    table.add_column("")
    for each in entries[: room.entries]:
        entry = each.entry
        table.add_row(str(entry.rank), escape(entry.name), _around(entry.count), _movement(each))
    return table


def _movement(trend: Trend) -> Text:
    if trend.movement is None:
        return Text("new", style="cyan")
    if trend.movement > 0:
        return Text(f"▲{trend.movement}", style="green")
    if trend.movement < 0:
        return Text(f"▼{-trend.movement}", style="red")
    return Text("·", style="dim")


def _genres(trends: Trends, room: Room) -> Table:
    table = Table.grid(padding=(0, 1))
    largest = max((each.share.value for each in trends.genres), default=0.0)
    for each in trends.genres[: room.genres]:
        bar = round(_BAR_WIDTH * each.share.value / largest) if largest else 0
        table.add_row(
            escape(each.name), Text("█" * bar, style="magenta"), f"{each.share.value:.1%}"
        )
    return table


def _rate(value: float | None) -> str:
    return "silent" if value is None else f"{value:,.0f}/s"


def _count(value: float | None) -> str:
    return "?" if value is None else f"{value:,.0f}"


def _around(value: Estimate) -> str:
    width = value.upper - value.value
    return f"{value.value:,.0f} ±{width:,.0f}" if width else f"{value.value:,.0f}"


def _estimate(value: Estimate) -> str:
    if value.lower == value.upper:
        return f"{value.value:,.0f}"
    return f"{value.value:,.0f} ({value.lower:,.0f} to {value.upper:,.0f})"


def _moment(value: datetime | None, now: datetime) -> str:
    if value is None:
        return "nothing yet"
    age = max(0.0, (now - value).total_seconds())
    return f"{value.astimezone(UTC):%H:%M:%S} UTC ({age:.0f} s ago)"
