"""What Spotify's answers tell: plays that are over, and the track that is on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class PlayedItem:
    """A play of a page of recently played tracks.

    Attributes:
        played_at_ms: Spotify's time of the play.
        spotify_id: empty for a local file.
        artist: the first artist's name.
        title: the track's name.
        album: or empty.
        duration_ms: the track's length, 0 where unknown.
    """

    played_at_ms: int
    spotify_id: str
    artist: str
    title: str
    album: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class OnAir:
    """A track that was on when it was asked about.

    Attributes:
        track: its id, or its name for a local file.
        at_ms: when it was on.
        progress_ms: how far it had come.
    """

    track: str
    at_ms: int
    progress_ms: int


def read_items(page: Mapping[str, Any]) -> tuple[list[PlayedItem], int]:
    """Return the plays of a page, the oldest first, and how many of its items can't be read."""
    items: list[PlayedItem] = []
    malformed = 0
    for raw in page["items"]:
        try:
            items.append(_read_item(raw))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            malformed += 1
    items.sort(key=lambda item: item.played_at_ms)
    return items, malformed


def read_on_air(answer: Mapping[str, Any] | None, now_ms: int) -> OnAir | None:
    """Return the track that is on; None for a pause, an episode or an advertisement."""
    if answer is None or answer.get("is_playing") is not True:
        return None
    track, progress = answer.get("item"), answer.get("progress_ms")
    if not isinstance(track, dict) or not isinstance(progress, int) or progress < 0:
        return None
    name = track.get("id") or track.get("name")
    return OnAir(name, now_ms, progress) if isinstance(name, str) else None


def _read_item(raw: Mapping[str, Any]) -> PlayedItem:
    track = raw["track"]
    time = datetime.fromisoformat(raw["played_at"])
    if time.tzinfo is None:
        raise ValueError("played_at has no zone")
    duration = track.get("duration_ms") or 0
    spotify_id = track.get("id") or ""
    artist, title = track["artists"][0]["name"] or "", track["name"] or ""
    album = (track.get("album") or {}).get("name") or ""
    for text in (spotify_id, artist, title, album):
        text.encode()
    if not isinstance(duration, int) or not (spotify_id or (artist.strip() and title.strip())):
        raise ValueError("no track")
    return PlayedItem(
        round(time.timestamp() * 1000), spotify_id, artist, title, album, max(0, duration)
    )
