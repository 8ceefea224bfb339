"""Listening logs that are imported one after the other into `history`, whoever dies meanwhile."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sottovoce.local.child import Child

LISTENS_PER_SLICE: Final = 20
"""C of `history`: some people listen more, so that the bound cuts."""

_FIRST_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)
_DAYS, _PEOPLE, _ROWS = 8, 120, 12_000
_BATCH_PLAYS: Final = 100
_REST_SECONDS: Final = 3.0
_HEADER: Final = "user_id,end_time,artist_name,track_name,ms_played\n"


def made_up_log(seed: int, number: int) -> str:
    """Return the rows of a log of days of its own: some told twice, some that are no plays."""
    chance = random.Random(f"{seed}/{number}")
    first = _FIRST_DAY + timedelta(days=_DAYS * number)
    rows = []
    for _ in range(_ROWS):
        person = min(int(chance.paretovariate(0.7)), _PEOPLE)
        at = first + timedelta(milliseconds=chance.randrange(_DAYS * 86_400_000))
        artist = min(int(chance.paretovariate(0.8)), 300)
        title = "" if chance.random() < 0.01 else f"Song {artist}.{chance.randrange(9)}"
        ms = chance.randrange(1_000, 300_000)
        rows.append(f"p{person},{at.isoformat()},Artist {artist},{title},{ms}\n")
        if chance.random() < 0.01:
            rows.append(rows[-1])
    return "".join(rows)


class Importer:
    """Imports file after file; one that did not come to its end is imported again.

    Args:
        folder: where the files go.
        seed: decides what is in them.
        arguments: of `sottovoce-producer log`, besides the file.
        within: see `Child`.
        log: where the output goes.

    Attributes:
        done: how many files came to their end.
    """

    def __init__(
        self, folder: Path, seed: int, arguments: Sequence[str], within: Sequence[str], log: Path
    ) -> None:
        self.done = 0
        self._folder = folder
        self._seed = seed
        self._arguments = (*arguments, f"--batch-plays={_BATCH_PLAYS}")
        self._within = within
        self._log = log
        self._enough = threading.Event()
        self._child: Child | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def pid(self) -> int | None:
        """The id of the import that runs."""
        return None if self._child is None else self._child.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended."""
        return None if self._child is None else self._child.exit_code

    @property
    def resting(self) -> bool:
        """Whether there is nothing to be imported now."""
        return self._child is None or self._enough.is_set()

    def start(self) -> None:
        """Import the file that is next."""
        file = self._folder / f"{self.done}.csv"
        if not file.exists():
            file.write_text(_HEADER + made_up_log(self._seed, self.done))
        self._child = Child(
            "importer",
            "sottovoce_producer.main",
            ["log", str(file), *self._arguments],
            self._log,
            within=self._within,
        )
        self._child.start()

    def kill(self) -> None:
        """End the import that runs."""
        if self._child is not None:
            self._child.kill()

    def go_on(self) -> bool:
        """Go on to the next file, after a rest; return whether there is to be one."""
        self.done += 1
        self._child = None
        return not self._enough.wait(_REST_SECONDS)

    def enough(self) -> None:
        """Begin no other file; the one that runs comes to its end."""
        self._enough.set()

    def everything(self) -> Path:
        """Write all that was imported into one file, and return it."""
        path = self._folder / "everything.csv"
        rows = (made_up_log(self._seed, number) for number in range(self.done))
        path.write_text(_HEADER + "".join(rows))
        return path
