"""`sottovoce-producer made-up-catalogue FILE`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sottovoce_producer.errors import ProducerError
from sottovoce_producer.sources.made_up import write_made_up_catalogue


def main(arguments: list[str]) -> None:
    """Write a made-up catalogue for `sottovoce catalogue import`."""
    parser = argparse.ArgumentParser(
        "sottovoce-producer made-up-catalogue",
        description="Write a catalogue of made-up tracks as CSV, for `sottovoce catalogue import`.",
    )
    parser.add_argument("file", type=Path, help="where to; overwritten")
    parser.add_argument("--tracks", type=int, default=2_000, help="how many (default: 2000)")
    parser.add_argument("--seed", type=int, default=1, help="decides all of it (default: 1)")
    given = parser.parse_args(arguments)
    if given.tracks < 1:
        raise ProducerError(f"--tracks {given.tracks}: at least 1 is needed")
    try:
        rows = write_made_up_catalogue(given.file, given.tracks, given.seed)
    except OSError as error:
        raise ProducerError(f"{given.file} can't be written: {error.strerror}") from error
    sys.stdout.write(f"wrote {rows} rows about {given.tracks} made-up tracks to {given.file}\n")
