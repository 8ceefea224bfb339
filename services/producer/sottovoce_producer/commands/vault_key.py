"""`sottovoce-producer vault-key FILE`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sottovoce_producer.vault import VaultKey


def main(arguments: list[str]) -> None:
    """Make the key of a vault."""
    parser = argparse.ArgumentParser(
        "sottovoce-producer vault-key",
        description="Make the key of a vault: a file that only its owner can read. Keep it: "
        "without it no pseudonym of the vault can be read again.",
    )
    parser.add_argument("file", type=Path, help="where to; must not be there yet")
    path: Path = parser.parse_args(arguments).file
    key = VaultKey.create()
    key.save(path)
    sys.stdout.write(f"made the vault key {key.key_id} in {path}\n")
