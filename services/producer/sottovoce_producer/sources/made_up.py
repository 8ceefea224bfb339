"""A made-up catalogue, in the columns of the file that many know from Kaggle."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import numpy as np

from sottovoce.catalogue import int_to_spotify_id

type Row = dict[str, str | int | float]

# What a genre sounds like: energy, danceability, acousticness, valence, tempo, loudness.
_GENRES: Final = {
    "cellar-jazz": (0.35, 0.50, 0.80, 0.55, 105.0, -14.0),
    "cloud-pop": (0.65, 0.70, 0.20, 0.65, 118.0, -6.0),
    "gravel-rock": (0.85, 0.50, 0.05, 0.50, 130.0, -5.0),
    "hush-folk": (0.25, 0.45, 0.90, 0.40, 98.0, -16.0),
    "lantern-soul": (0.55, 0.65, 0.35, 0.70, 102.0, -8.0),
    "neon-house": (0.80, 0.80, 0.05, 0.60, 124.0, -6.0),
    "paper-rap": (0.70, 0.82, 0.15, 0.50, 92.0, -7.0),
    "tin-classical": (0.20, 0.30, 0.95, 0.35, 88.0, -20.0),
}
_FIRST: Final = "Amber Borrowed Copper Dusty Elastic Folded Glass Hollow Idle Jagged Kindly Lost"
_SECOND: Final = "Antlers Buttons Cranes Doorbells Envelopes Ferries Gloves Herons Islands Kettles"
_TITLE: Final = "Under Over Near Beyond Without Towards Against Between Before After Behind Along"
_PLACES: Final = "Harbour Orchard Staircase Laundry Meadow Platform Attic Bakery Canal Lighthouse"

COLUMNS: Final = (
    "track_id", "artists", "album_name", "track_name", "popularity", "duration_ms", "explicit",
    "danceability", "energy", "key", "loudness", "mode", "speechiness", "acousticness",
    "instrumentalness", "liveness", "valence", "tempo", "time_signature", "track_genre",
)  # fmt: skip


def made_up_catalogue(tracks: int = 2_000, seed: int = 1) -> list[Row]:
    """Return made-up tracks with the columns `COLUMNS`, one in eight of them under two genres.

    Args:
        tracks: how many distinct tracks; a track of two genres stands twice.
        seed: decides all of it.
    """
    rng = np.random.default_rng(seed)
    names = list(_GENRES)
    firsts, seconds = _FIRST.split(), _SECOND.split()
    prepositions, places = _TITLE.split(), _PLACES.split()
    rows: list[Row] = []
    artists = max(1, tracks // 8)
    ids = rng.integers(0, 2**63, (tracks, 2)).astype(np.uint64)
    for number in range(tracks):
        artist = min(int(artists * rng.random() ** 2), artists - 1)
        genre = names[(artist * 7 + (rng.random() < 0.1)) % len(names)]
        energy, dance, acoustic, valence, tempo, loudness = _GENRES[genre]

        def near(value: float, spread: float = 0.12) -> float:
            return round(float(np.clip(rng.normal(value, spread), 0, 1)), 4)

        ensemble = artist // (len(firsts) * len(seconds))
        artist_name = (
            f"The {firsts[artist % len(firsts)]} {seconds[artist // len(firsts) % len(seconds)]}"
        )
        if ensemble:
            artist_name += f" {ensemble + 1}"
        title = f"{prepositions[number % 12]} the {places[number // 12 % 10]} No. {number + 1}"
        row: Row = {
            "track_id": int_to_spotify_id(int(ids[number, 0]), int(ids[number, 1])),
            "artists": artist_name,
            "album_name": f"Made-Up Songs, Volume {artist % 9 + 1}",
            "track_name": title,
            "popularity": int(100 * rng.beta(2, 4)),
            "duration_ms": int(np.clip(rng.normal(205_000, 40_000), 60_000, 480_000)),
            "explicit": str(rng.random() < 0.1),
            "danceability": near(dance),
            "energy": near(energy),
            "key": int(rng.integers(0, 12)),
            "loudness": round(float(rng.normal(loudness, 2.0)), 3),
            "mode": int(rng.random() < 0.6),
            "speechiness": near(0.3 if genre == "paper-rap" else 0.06, 0.04),
            "acousticness": near(acoustic),
            "instrumentalness": near(0.8 if genre == "tin-classical" else 0.1, 0.1),
            "liveness": near(0.18, 0.08),
            "valence": near(valence),
            "tempo": round(float(np.clip(rng.normal(tempo, 9.0), 50, 210)), 3),
            "time_signature": 4,
            "track_genre": genre,
        }
        rows.append(row)
        if rng.random() < 0.125:
            other = names[(names.index(genre) + 1 + int(rng.integers(0, 7))) % len(names)]
            rows.append({**row, "track_genre": other})
    return rows


def write_made_up_catalogue(path: Path, tracks: int = 2_000, seed: int = 1) -> int:
    """Write a made-up catalogue as CSV; return how many rows."""
    rows = made_up_catalogue(tracks, seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)
