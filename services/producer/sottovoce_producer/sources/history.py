"""Source `history`: one's own listening history, as Spotify hands it out.

Exports of both shapes are read as files, in folders or in zips (`history_files`), looked through
to their ends first (`history_check`), then each file is a source of its own: its cursor is how many
of its rows are done, under the digest of its content. So an import that was interrupted goes on
where it stood, and one that is repeated reads nothing twice; where a cursor is not there, the
writer knows a play that it has by its event id.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.counts import add_counts
from sottovoce_producer.plays import PlayRow, Plays
from sottovoce_producer.sources import Sink, run_source
from sottovoce_producer.sources.history_check import CheckedExport, CheckedFile
from sottovoce_producer.sources.history_formats import (
    COVERED,
    RowError,
    Shape,
    Skipped,
    read_play,
)
from sottovoce_producer.sources.history_json import read_rows
from sottovoce_producer.writer import HISTORY, Batch

ROWS_PER_BATCH: Final = 10_000
_MINUTE_MS: Final = 60_000


@dataclass(slots=True)
class BadRows:
    """Rows with the same fault.

    Attributes:
        first: the number of the first of them, from 1.
        count: how many there are.
    """

    first: int
    count: int = 0


@dataclass(slots=True)
class FileReport:
    """What became of a file's rows.

    Attributes:
        checked: the file.
        done_before: rows that an earlier import had done.
        done: rows that are done now.
        counts: what the writer made of the plays of this import.
        skipped: rows of this import that tell of no play of a track, by why.
        malformed: rows of this import that can't be read, by why.
    """

    checked: CheckedFile
    done_before: int = 0
    done: int = 0
    counts: producer_pb2.PlayCounts = field(default_factory=producer_pb2.PlayCounts)
    skipped: Counter[str] = field(default_factory=Counter)
    malformed: dict[str, BadRows] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether all rows are done."""
        return self.done == self.checked.rows


class HistorySource:
    """The plays of one file of an export.

    Args:
        checked: the file.
        account: whose plays they are.
        data_set: where they go.
        covered: times for which account data is left out, because the extended history tells them.
        rows_per_batch: rows of a transaction.
        stopped: tells when to stop.
    """

    def __init__(
        self,
        checked: CheckedFile,
        account: str,
        *,
        data_set: str = HISTORY,
        covered: Sequence[tuple[int, int]] = (),
        rows_per_batch: int = ROWS_PER_BATCH,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = f"history:{data_set}:{checked.digest}"
        self.report = FileReport(checked)
        self._checked = checked
        self._account = account
        self._data_set = data_set
        self._covered = covered if checked.shape is Shape.ACCOUNT_DATA else ()
        self._rows_per_batch = rows_per_batch
        self._stopped = stopped

    def batches(self, cursor: bytes | None) -> Iterator[Batch]:
        """Yield the plays of the rows behind those that are done."""
        report, shape = self.report, self._checked.shape
        report.done = report.done_before = int(json.loads(cursor)["rows"]) if cursor else 0
        if shape is None or report.complete:
            return
        with self._checked.file.open() as opened:
            rows = islice(read_rows(opened), report.done, None)
            while not self._stopped():
                some = list(islice(rows, self._rows_per_batch))
                if not some:
                    return
                plays, malformed = self._read(shape, some, report.done)
                done = report.done + len(some)
                yield Batch(
                    self._data_set,
                    plays,
                    self.name,
                    json.dumps({"rows": done}).encode(),
                    malformed,
                )
                report.done = done

    def _read(self, shape: Shape, rows: list[object], before: int) -> tuple[Plays, int]:
        """Return the plays that rows tell of, and how many rows can't be read."""
        plays: list[PlayRow] = []
        places: list[int] = []
        faults: list[tuple[int, str]] = []
        for place, row in enumerate(rows, before + 1):
            try:
                play = read_play(shape, row, self._account)
            except Skipped as why:
                self.report.skipped[str(why)] += 1
                continue
            except RowError as error:
                faults.append((place, str(error)))
                continue
            if self._covered and self._told_by_extended(play.end_time_ms):
                self.report.skipped[COVERED] += 1
                continue
            plays.append(play)
            places.append(place)
        columns, refused = Plays.from_rows(plays)
        faults += [(places[each.place], each.reason) for each in refused]
        for place, reason in sorted(faults):
            self.report.malformed.setdefault(reason, BadRows(place)).count += 1
        return columns, len(faults)

    def _told_by_extended(self, minute_ms: int) -> bool:
        return any(
            minute_ms + _MINUTE_MS > first and minute_ms <= last for first, last in self._covered
        )


class HistoryImport:
    """Writes what an export holds, file by file.

    Args:
        export: checked files.
        account: whose plays they are.
        data_set: where they go.
        from_start: read rows again that are done; what the writer has is not written twice.

    Attributes:
        reports: what became of each file that was come to, also where `run` failed.
    """

    def __init__(
        self,
        export: CheckedExport,
        account: str,
        *,
        data_set: str = HISTORY,
        from_start: bool = False,
    ) -> None:
        self.reports: list[FileReport] = []
        self._export = export
        self._account = account
        self._data_set = data_set
        self._from_start = from_start

    @property
    def complete(self) -> bool:
        """Whether all rows of all files are done."""
        reports = self.reports
        return len(reports) == len(self._export.files) and all(each.complete for each in reports)

    def run(
        self,
        sink: Sink,
        progress: Callable[[FileReport], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Write all that is not done.

        Args:
            sink: the writer, or the door to one.
            progress: told after each batch, and of each file that is done with.
            stopped: tells when to stop; asked between batches.
        """
        target = _FromStart(sink) if self._from_start else sink
        for checked in self._export.files:
            if stopped():
                return
            source = HistorySource(
                checked,
                self._account,
                data_set=self._data_set,
                covered=self._export.covered,
                stopped=stopped,
            )
            report = source.report
            self.reports.append(report)

            def written(
                _: Batch, counts: producer_pb2.PlayCounts, report: FileReport = report
            ) -> None:
                add_counts(report.counts, counts)
                progress(report)

            run_source(source, target, written)
            progress(report)


class _FromStart:
    """A sink that knows no cursor."""

    def __init__(self, sink: Sink) -> None:
        self.write = sink.write
        self.connect = sink.connect

    def cursor(self, _: str, /) -> bytes | None:
        """Return nothing, wherever a source stands."""
        return None
