"""Source `log`, into `history`: plays of a log at their own times."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sottovoce.data_sets.data_set import DAY_MS
from sottovoce_producer.plays import PlayRow, Plays
from sottovoce_producer.sources.log_file import LogFile
from sottovoce_producer.sources.log_formats import LogRow
from sottovoce_producer.writer import Batch

WEEK_MS: Final = 7 * DAY_MS


@dataclass(slots=True)
class Faults:
    """Rows that were no plays: how many and where the first one is, by reason."""

    by_reason: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, reason: str, line: int) -> None:
        """Take note of one."""
        count, first = self.by_reason.get(reason, (0, line))
        self.by_reason[reason] = (count + 1, min(first, line))

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(count for count, _ in self.by_reason.values())

    def lines(self) -> list[str]:
        """Return a sentence for each reason, the commonest first."""
        ranked = sorted(self.by_reason.items(), key=lambda each: -each[1][0])
        return [
            f"{count} row{'' if count == 1 else 's'}: {reason} (first in line {first})"
            for reason, (count, first) in ranked
        ]


def plays_of(rows: list[LogRow], accounts: str, faults: Faults) -> Plays:
    """Gather rows; note those that are no plays.

    Args:
        rows: as read.
        accounts: put before each account, so that accounts of two logs stay apart.
        faults: gets the rows that are no plays.
    """
    good: list[PlayRow] = []
    lines: list[int] = []
    for row in rows:
        if row.play is None:
            faults.add(row.fault, row.line)
        else:
            good.append(row.play._replace(account=f"{accounts}{row.play.account}"))
            lines.append(row.line)
    plays, malformed = Plays.from_rows(good)
    for each in malformed:
        faults.add(each.reason, lines[each.place])
    return plays


def replica_account(account: str, replica: int) -> str:
    """Return the account of a replica; the first one is the person's own."""
    return f"{account}#{replica}" if replica else account


def replicate(plays: Plays, replicas: int) -> Plays:
    """Return plays as many listeners: replica r is another account, r weeks earlier."""
    if replicas == 1:
        return plays
    size, people = len(plays), len(plays.accounts)
    repeated = plays.select(np.tile(np.arange(size), replicas))
    number = np.repeat(np.arange(replicas), size)
    accounts = [replica_account(a, r) for r in range(replicas) for a in plays.accounts]
    return Plays(
        accounts,
        plays.tracks,
        repeated.account + (number * people).astype(np.int32),
        repeated.track,
        repeated.end_time_ms - number * WEEK_MS,
        repeated.ms_played,
        repeated.country,
        repeated.flags,
        repeated.private,
    )


class LogIntoHistory:
    """A log at its own times. Its cursor is the number of rows done.

    Args:
        file: the log.
        data_set: where its plays go.
        accounts: put before each account.
        replicas: each person's log as so many listeners, each a week before the other.
        batch_plays: the most plays of a batch.
    """

    def __init__(
        self,
        file: LogFile,
        *,
        data_set: str = "history",
        accounts: str,
        replicas: int = 1,
        batch_plays: int = 20_000,
    ) -> None:
        self.name = f"log:{file.digest}:{data_set}:{accounts}:{replicas}"
        self.faults = Faults()
        self._file = file
        self._data_set = data_set
        self._accounts = accounts
        self._replicas = replicas
        self._batch_rows = max(1, batch_plays // replicas)

    def batches(self, cursor: bytes | None) -> Iterator[Batch]:
        """Yield the rows that are not done."""
        done = int(json.loads(cursor)["rows"]) if cursor else 0
        rows = itertools.islice(self._file.rows(), done, None)
        while chunk := list(itertools.islice(rows, self._batch_rows)):
            done += len(chunk)
            bad = self.faults.total
            plays = plays_of(chunk, self._accounts, self.faults)
            yield Batch(
                self._data_set,
                replicate(plays, self._replicas),
                self.name,
                json.dumps({"rows": done}).encode(),
                self.faults.total - bad,
            )
