"""A made-up catalogue of the design's size: the domain of what is released of tracks and genres."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

from sottovoce.catalogue import Catalogue, read_catalogue
from sottovoce_producer.sources.made_up import COLUMNS, made_up_catalogue

TRACKS = 30_000
ARTISTS = 10_000
GENRES = 11


def make_catalogue() -> Catalogue:
    """Return a catalogue of so many tracks, artists and genres."""
    rows = {row["track_id"]: row for row in made_up_catalogue(TRACKS)}.values()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalogue.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for number, row in enumerate(rows):
                artist, genre = f"artist {number % ARTISTS}", f"genre {number % GENRES}"
                writer.writerow({**row, "artists": artist, "track_genre": genre})
        return read_catalogue(path)[0]
