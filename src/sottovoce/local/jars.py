"""Kafka's jars: which ones (the lock), where they are kept, and how they get there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from sottovoce.local import ivy, prerequisites
from sottovoce.local.errors import JarsUnavailableError

KAFKA_VERSION = "4.4.0"
FOLDER_SETTING = "SOTTOVOCE_LOCAL_FOLDER"

_JARS_A_LINE = 9

type Progress = Callable[[str], None]


def silent(_line: str) -> None:
    """Show nobody the progress."""


@dataclass(frozen=True, slots=True)
class LockedJar:
    """One line of the lock: a jar of a Maven repository, and the hash that it must have."""

    organisation: str
    module: str
    revision: str
    sha256: str

    @property
    def file(self) -> str:
        """The name of the file."""
        return f"{self.module}-{self.revision}.jar"


def locked() -> list[LockedJar]:
    """Read the lock, `kafka.lock` beside this file; `scripts/lock-kafka-jars` writes it."""
    text = resources.files(__package__).joinpath("kafka.lock").read_text()
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return [LockedJar(*line) for line in lines]


def default_folder() -> Path:
    """Return where downloads and brokers are kept.

    The setting SOTTOVOCE_LOCAL_FOLDER; else `.local` in the checkout that this code runs from;
    else `.local` in the working folder.
    """
    if told := os.environ.get(FOLDER_SETTING):
        return Path(told).absolute()
    checkout = Path(__file__).resolve().parents[3]
    return (checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()) / ".local"


class KafkaJars:
    """The jars of a Kafka broker, fetched once and kept.

    Args:
        folder: Where to keep them; by default `kafka-<version>/jars` in `default_folder()`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder() / f"kafka-{KAFKA_VERSION}" / "jars"

    @property
    def classpath(self) -> str:
        """What to give Java as its class path."""
        return str(self.folder / "*")

    def present(self) -> bool:
        """Tell whether every jar of the lock is there. The folder only ever appears whole."""
        return all((self.folder / jar.file).is_file() for jar in locked())

    def fetch(self, progress: Progress = silent) -> None:
        """Download what the lock names, unless it is there.

        Everything is downloaded into a folder beside the final one, checked against the lock, and
        renamed: an interrupted download leaves nothing half-done, and of two at a time one wins.

        Args:
            progress: Called with a line for a person at each step.

        Raises:
            JarsUnavailableError: The repository can't be reached, or a jar is not the locked one.
            PrerequisiteError: No Java, no pyspark or no space.
        """
        if self.present():
            return
        home = self.folder.parent
        prerequisites.disk(home).require()
        home.mkdir(parents=True, exist_ok=True)
        jars = locked()
        title, done = f"downloading Kafka {KAFKA_VERSION}, {len(jars)} jars", 0

        def count() -> None:
            nonlocal done
            done += 1
            if done % _JARS_A_LINE == 0 or done == len(jars):
                progress(f"{title}: {done} of {len(jars)}")

        progress(title)
        with tempfile.TemporaryDirectory(dir=home, prefix="fetching-") as name:
            scratch = Path(name)
            fresh = scratch / "jars"
            wanted = [(jar.organisation, jar.module, jar.revision) for jar in jars]
            ivy.retrieve(wanted, fresh, scratch, transitive=False, on_jar=count)
            for jar in jars:
                check(jar, fresh)
            self._put(fresh)

    def _put(self, fresh: Path) -> None:
        if self.folder.exists() and not self.present():
            shutil.rmtree(self.folder)  # of an older lock, or somebody took jars away
        try:
            fresh.rename(self.folder)
        except OSError:
            if not self.present():  # else another process was quicker
                raise


def check(jar: LockedJar, folder: Path) -> None:
    """Compare a downloaded jar with the lock.

    Raises:
        JarsUnavailableError: It is missing, or has another hash.
    """
    path = folder / jar.file
    if not path.is_file():
        raise JarsUnavailableError(f"{ivy.repository()} gave no {jar.file}; try again.")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise JarsUnavailableError(
            f"{jar.file} from {ivy.repository()} has SHA-256 {found}, not {jar.sha256} as locked: "
            "the download is damaged or was tampered with; try again, or use another mirror."
        )
