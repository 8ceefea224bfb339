"""What can be asked about, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class TimeRange:
    """[start, end); times with a zone."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class TrackRef:
    """A track to ask about: by its Spotify id, or by artist and title."""

    spotify_id: str = ""
    artist: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One series over time: `Series.all()`, `Series.genre("jazz")` and so on."""

    kind: Literal["all", "new_listeners", "genre", "country", "track", "artist"]
    name: str = ""
    ref: TrackRef | None = None

    @classmethod
    def all(cls) -> Series:
        """All plays."""
        return cls("all")

    @classmethod
    def new_listeners(cls) -> Series:
        """Listeners new in their slice."""
        return cls("new_listeners")

    @classmethod
    def genre(cls, name: str) -> Series:
        """Plays in a genre, or "unknown"."""
        return cls("genre", name)

    @classmethod
    def country(cls, code: str) -> Series:
        """Plays in a country, ISO 3166-1 alpha-2, or "unknown"."""
        return cls("country", code)

    @classmethod
    def artist(cls, name: str) -> Series:
        """Plays of an artist."""
        return cls("artist", name)

    @classmethod
    def track(cls, track: TrackRef | str) -> Series:
        """Plays of a track, a text being its Spotify id."""
        return cls("track", ref=TrackRef(track) if isinstance(track, str) else track)
