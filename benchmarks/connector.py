"""Spark's own Kafka source, which the product does without: fetched for comparison."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from sottovoce.local import ivy
from sottovoce.local.jars import LockedJar, check, default_folder

_LOCK = Path(__file__).parent / "connector.lock"


def locked() -> list[LockedJar]:
    """Read the lock beside this file."""
    lines = (line.split() for line in _LOCK.read_text().splitlines() if not line.startswith("#"))
    return [LockedJar(*line) for line in lines]


def fetch_connector() -> list[Path]:
    """Return the connector's jars, downloaded once into `.local` and checked against the lock."""
    folder = default_folder() / "spark-kafka-source" / "jars"
    jars = locked()
    if not all((folder / jar.file).is_file() for jar in jars):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as name:
            scratch = Path(name)
            wanted = [(jar.organisation, jar.module, jar.revision) for jar in jars]
            ivy.retrieve(wanted, scratch / "jars", scratch, transitive=False, on_jar=lambda: None)
            for jar in jars:
                check(jar, scratch / "jars")
            shutil.rmtree(folder, ignore_errors=True)
            (scratch / "jars").rename(folder)
    return [folder / jar.file for jar in jars]
