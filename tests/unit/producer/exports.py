"""Spotify exports as a person gets them, made of given plays."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ADDRESS = "203.0.113.77"
AGENT = "Mozilla%2F5.0 (made up)"
USER = "made.up.user"
PRIVATE = (ADDRESS, AGENT, USER)
"""What must never be seen beyond the door."""


def extended_row(**fields: Any) -> dict[str, Any]:
    """A row of the extended streaming history with every field it can have."""
    return {
        "ts": "2023-03-04T05:06:07Z",
        "username": USER,
        "platform": "Android OS 13 API 33 (made, up)",
        "ms_played": 187_000,
        "conn_country": "SE",
        "ip_addr": ADDRESS,
        "user_agent_decrypted": AGENT,
        "master_metadata_track_name": "A Song",
        "master_metadata_album_artist_name": "A Singer",
        "master_metadata_album_album_name": "An Album",
        "spotify_track_uri": "spotify:track:4uLU6hMCjMI75M1A2tKUQC",
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "audiobook_title": None,
        "audiobook_uri": None,
        "audiobook_chapter_uri": None,
        "audiobook_chapter_title": None,
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "shuffle": True,
        "skipped": None,
        "offline": False,
        "offline_timestamp": 1_677_906_180,
        "incognito_mode": False,
        **fields,
    }


def account_row(**fields: Any) -> dict[str, Any]:
    """A row of the account data's history."""
    return {
        "endTime": "2023-03-04 05:06",
        "artistName": "A Singer",
        "trackName": "A Song",
        "msPlayed": 187_000,
        **fields,
    }


def at(second: int) -> str:
    """A time in 2023, so many seconds into it, as the extended history writes it."""
    time = datetime.fromtimestamp(datetime(2023, 1, 1, tzinfo=UTC).timestamp() + second, UTC)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def write_json(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as Spotify does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(rows), indent=2, ensure_ascii=False), encoding="utf-8")
    return path


def write_zip(path: Path, members: Mapping[str, Iterable[Mapping[str, Any]]]) -> Path:
    """Write files of rows into a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in members.items():
            archive.writestr(name, json.dumps(list(rows), indent=2))
    return path


def from_real_log(rows: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Rows of `spotify_extended_listens.csv` as the export that they were taken from had them."""
    answers = {"true": True, "false": False, "": None}
    return [
        extended_row(
            ts=row["ts"],
            ms_played=int(row["ms_played"]),
            conn_country="AU",
            master_metadata_track_name=row["track_name"] or None,
            master_metadata_album_artist_name=row["artist_name"] or None,
            master_metadata_album_album_name=row["album_name"] or None,
            spotify_track_uri=row["spotify_track_uri"] or None,
            reason_start=row["reason_start"],
            reason_end=row["reason_end"],
            shuffle=answers[row["shuffle"].lower()],
            skipped=answers[row["skipped"].lower()],
            offline_timestamp=0,
            incognito_mode=None,
        )
        for row in rows
    ]
