"""What a listening log holds, worked out by pandas and the standard library alone.

Nothing here imports the code under test: it is the other means that its answers are held against.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd

FEATURES = [
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
]


def normal(name: str) -> str:
    """Return a name as tracks are matched by it."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def read_listens(
    path: Path, *, listens_per_day: int | None = None, repeats: bool = False
) -> pd.DataFrame:
    """Return the plays of a log in the account-data shape that count.

    Columns: user, end (UTC), day, artist, title (both normalised), ms. One play of one person with
    the same track, end and duration counts once, unless `repeats` count; of a day, the first
    `listens_per_day` of each person count, in the order of the file.
    """
    rows = pd.read_csv(path, keep_default_na=False, dtype=str)
    listens = pd.DataFrame(
        {
            "user": rows["user_id"],
            "end": pd.to_datetime(rows["end_time"], utc=True),
            "artist": rows["artist_name"].map(normal),
            "title": rows["track_name"].map(normal),
            "ms": rows["ms_played"].astype(int),
        }
    )
    listens = listens[(listens.artist != "") & (listens.title != "")]
    if not repeats:
        listens = listens.drop_duplicates()
    listens["day"] = listens.end.dt.floor("D")
    if listens_per_day is not None:
        place = listens.groupby(["user", "day"]).cumcount()
        listens = listens[place < listens_per_day]
    return listens.reset_index(drop=True)


def read_catalogue(path: Path) -> pd.DataFrame:
    """Return one row for each (artist, title): the most popular, then that with the least id."""
    rows = pd.read_csv(path, keep_default_na=False, na_values={name: [""] for name in FEATURES})
    rows["artist"] = rows["track_artist"].map(lambda name: normal(str(name)))
    rows["title"] = rows["track_name"].map(lambda name: normal(str(name)))
    rows["popularity"] = rows["track_popularity"].astype(int)
    rows = rows.sort_values(["popularity", "track_id"], ascending=[False, True])
    return rows.drop_duplicates(["artist", "title"])[
        ["artist", "title", "track_id", "primary_genre", *FEATURES]
    ]


def joined(listens: pd.DataFrame, catalogue: pd.DataFrame) -> pd.DataFrame:
    """Return listens with genre and features where the catalogue knows the track."""
    rows = listens.merge(catalogue, on=["artist", "title"], how="left")
    rows["genre"] = rows["primary_genre"].fillna("unknown")
    return rows


def correlations(rows: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Return the features' correlation over plays of known tracks, and how many those are."""
    known = rows.dropna(subset=FEATURES)
    return np.corrcoef(known[FEATURES].to_numpy(float), rowvar=False), len(known)
