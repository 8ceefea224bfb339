"""A made-up Extended Streaming History, every field of the real one filled."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from sottovoce.catalogue import int_to_spotify_id

_A_DAY = 80
_ROWS_A_FILE = 16_000
_TRACKS = 4_000


def write_export(folder: Path, plays: int) -> int:
    """Write the files of an export, 80 plays a day; return their bytes."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    ids = rng.integers(0, 2**63, (_TRACKS, 2), dtype=np.uint64).tolist()
    tracks = [(f"spotify:track:{int_to_spotify_id(*pair)}", f"Made-Up Song {number}",
               f"Made-Up Artist {number % 400}", f"Made-Up Album {number % 900}")
              for number, pair in enumerate(ids)]  # fmt: skip
    first = datetime(2012, 1, 1, 6, tzinfo=UTC)
    chosen = rng.integers(0, _TRACKS, plays).tolist()
    heard = rng.integers(5_000, 300_000, plays).tolist()
    step = timedelta(minutes=12)
    for begin in range(0, plays, _ROWS_A_FILE):
        rows = []
        for number in range(begin, min(begin + _ROWS_A_FILE, plays)):
            day, at = divmod(number, _A_DAY)
            end = first + timedelta(days=day) + at * step
            rows.append(_row(end, tracks[chosen[number]], heard[number]))
        name = f"Streaming_History_Audio_2012-2030_{begin // _ROWS_A_FILE}.json"
        (folder / name).write_text(json.dumps(rows))
    return sum(each.stat().st_size for each in folder.iterdir())


def _row(end: datetime, track: tuple[str, str, str, str], heard: int) -> dict[str, object]:
    uri, title, artist, album = track
    return {
        "ts": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "platform": "Made-Up OS 1.0 (a device)",
        "ms_played": heard,
        "conn_country": "SE",
        "ip_addr": "192.0.2.1",
        "master_metadata_track_name": title,
        "master_metadata_album_artist_name": artist,
        "master_metadata_album_album_name": album,
        "spotify_track_uri": uri,
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "audiobook_title": None,
        "audiobook_uri": None,
        "audiobook_chapter_uri": None,
        "audiobook_chapter_title": None,
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "shuffle": heard % 2 == 0,
        "skipped": heard < 30_000,
        "offline": False,
        "offline_timestamp": int(end.timestamp()),
        "incognito_mode": False,
    }
