"""Where an account's plays stand: which were told, and what was told of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from sottovoce_producer.sources.spotify.pages import PlayedItem

_REMEMBERED: Final = 500


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of the plays of one millisecond.

    Attributes:
        plays: how many there were.
        ms_played: for how long they were said to be heard; None if that was not known.
    """

    plays: int
    ms_played: int | None


@dataclass(frozen=True, slots=True)
class Position:
    """Where an account stands; goes into the log with the listens, so no play is lost or doubled.

    It names no track and no account: only times.

    Attributes:
        after_ms: Spotify's time of the last play that was told.
        told: the plays within the overlap, by Spotify's time.
    """

    after_ms: int
    told: dict[int, Told] = field(default_factory=dict)

    @classmethod
    def read(cls, cursor: bytes) -> Self:
        """Read a cursor."""
        content = json.loads(cursor)
        told = {at: Told(plays, ms_played) for at, plays, ms_played in content["told"]}
        return cls(content["after"], told)

    def cursor(self) -> bytes:
        """Return it as a cursor."""
        told = [[at, each.plays, each.ms_played] for at, each in sorted(self.told.items())]
        return json.dumps({"after": self.after_ms, "told": told}).encode()


def fresh(position: Position | None, items: Iterable[PlayedItem]) -> list[PlayedItem]:
    """Return the plays that were not told yet, each once, the oldest first.

    Where a second play of a millisecond turns up, all of that millisecond are told again: the
    writer knows those that it has.
    """
    distinct = list(dict.fromkeys(items))
    distinct.sort(key=lambda item: item.played_at_ms)
    if position is None:
        return distinct
    told = position.told
    plays = Counter(item.played_at_ms for item in distinct)
    return [
        item
        for item in distinct
        if item.played_at_ms not in told or plays[item.played_at_ms] > told[item.played_at_ms].plays
    ]


def advance(
    position: Position | None,
    items: Sequence[tuple[PlayedItem, int | None]],
    *,
    now_ms: int,
    overlap_ms: int,
) -> Position:
    """Return where an account stands once some plays are told.

    A play from the future does not carry the position along: it would hide all plays until then.

    Args:
        position: before.
        items: the fresh plays, with how long they were heard.
        now_ms: the time.
        overlap_ms: how far back a look reaches.
    """
    after = max([item.played_at_ms for item, _ in items if item.played_at_ms <= now_ms], default=0)
    after = max(after, position.after_ms if position else 0)
    told = dict(position.told) if position else {}
    plays = Counter(item.played_at_ms for item, _ in items)
    told.update(
        (item.played_at_ms, Told(plays[item.played_at_ms], ms_played)) for item, ms_played in items
    )
    kept = sorted(at for at in told if at >= after - overlap_ms)[-_REMEMBERED:]
    return Position(after, {at: told[at] for at in kept})
