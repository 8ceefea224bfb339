"""The writer: plays in, one Kafka transaction a batch, memory only behind the commit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sottovoce.data_sets.data_set import DataSetError
from sottovoce.kafka import Topics
from sottovoce.kafka.errors import FatalWriteError
from sottovoce.wire.keys import source_key
from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.counts import add_counts
from sottovoce_producer.errors import ForeignAccountError, WriterStoppedError
from sottovoce_producer.intake import Admitted
from sottovoce_producer.listen_log import ListenLog
from sottovoce_producer.listeners import FOREIGN, Longs, NewListener
from sottovoce_producer.plays import Plays
from sottovoce_producer.records import cursor_value, slices_key, slices_value
from sottovoce_producer.state import WriterState
from sottovoce_producer.tracks import track_name

HISTORY = "history"
LIVE = "live"


def system_clock_ms() -> int:
    """Return milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Plays of one source, written in one transaction with the source's cursor.

    Attributes:
        data_set: where they go.
        plays: the plays.
        source: the source's name, which keys its cursor.
        cursor: where the source stands after them; None: no cursor is kept.
        malformed: how many rows of the source were no plays.
    """

    data_set: str
    plays: Plays
    source: str = ""
    cursor: bytes | None = None
    malformed: int = 0


class Witness(Protocol):
    """Is told what a transaction writes, before and after."""

    def before_commit(self, batch: Batch, written: Mapping[str, Admitted]) -> None:
        """A transaction with these listens, by data set, is about to be written."""

    def after_commit(self) -> None:
        """It was committed."""


class Writer:
    """Judges plays and writes those that count. Any thread may call it; batches go one by one.

    **Guarantee**: whatever a call returned for is in the log, with its cursor, exactly once; what
    a failed call was given is there whole or not at all, and the next start knows which.

    Args:
        log: the process's one transactional writer.
        topics: names of topics.
        state: as recovered after `log` was made.
        follow: called before each batch: looks for new terms and seals, returns whether there are.
        late_to_history: whether plays too old for `live` are judged for `history` instead.
        clock_ms: the time, milliseconds since 1970 UTC.
        witness: is told what is written.
        cursor_suffix: added to the names of sources, so that each of several writers that are
            handed one source keeps a cursor of its own.
    """

    def __init__(
        self,
        log: ListenLog,
        topics: Topics,
        state: WriterState,
        *,
        follow: Callable[[], bool] = lambda: False,
        late_to_history: bool = False,
        clock_ms: Callable[[], int] = system_clock_ms,
        witness: Witness | None = None,
        cursor_suffix: str = "",
    ) -> None:
        self._log = log
        self._topics = topics
        self._state = state
        self._follow = follow
        self._late_to_history = late_to_history
        self._clock_ms = clock_ms
        self._witness = witness
        self._cursor_suffix = cursor_suffix
        self._lock = threading.Lock()
        self._stopped: BaseException | None = None
        self._now_ms = 0
        self._forgotten: dict[str, int] = {}
        self._days_over: list[tuple[str, int, int]] = []

    @property
    def stopped(self) -> BaseException | None:
        """What ended the writer; None while it runs."""
        return self._stopped

    @property
    def state(self) -> WriterState:
        """What the writer knows; for figures about it."""
        return self._state

    def cursor(self, source: str) -> bytes | None:
        """Return where a source stands; None if it was never seen."""
        return self._state.cursors.get(source + self._cursor_suffix)

    def connect(self, account: str, tokens: bytes) -> None:
        """Keep the tokens of an account's connection to a source, sealed in the vault.

        Args:
            account: who; becomes a listener if it is none yet.
            tokens: as the source keeps them.

        Raises:
            ForeignAccountError: another writer owns the account; nothing was written.
            FatalWriteError: the outcome is unknown: the process must end.
            WriterStoppedError: it failed before.
        """
        with self._only_while_running():
            self._now_ms = max(self._now_ms, self._clock_ms())
            listeners = self._state.listeners
            numbered = listeners.number([account])
            number = int(numbered.numbers[0])
            if number != FOREIGN:
                with self._log.transaction():
                    sealed = listeners.sealed_tokens(account, number, tokens, self._now_ms)
                    self._log.produce(self._topics.vault, listeners.record_key(account), sealed)
                listeners.commit(numbered.new, self._now_ms)
                listeners.commit_tokens(account, tokens)
        if number == FOREIGN:
            raise ForeignAccountError("another writer owns this account: connect it there")

    @contextmanager
    def _only_while_running(self) -> Iterator[None]:
        """Let one caller in at a time; whatever goes wrong inside ends the writer."""
        with self._lock:
            if self._stopped is not None:
                raise WriterStoppedError("the writer has stopped: its process is ending")
            try:
                yield
            except BaseException as error:
                self._stopped = error
                raise

    def write(self, batch: Batch) -> producer_pb2.PlayCounts:
        """Write a batch; return what became of its plays once it is committed.

        Raises:
            DataSetError: there is no such data set; nothing was written.
            FatalWriteError: the outcome is unknown: the process must end.
            WriterStoppedError: it failed before.
        """
        if batch.data_set not in self._state.intakes:
            there = ", ".join(sorted(self._state.intakes))
            raise DataSetError(f"no data set {batch.data_set!r}; there are: {there}")
        with self._only_while_running():
            return self._write(batch)

    def _write(self, batch: Batch) -> producer_pb2.PlayCounts:
        # A clock that steps back must not bring slices back whose state was dropped.
        self._now_ms = max(self._now_ms, self._clock_ms())
        self._catch_up()
        counts = producer_pb2.PlayCounts(malformed=batch.malformed)
        chosen = self._screen(batch, counts)
        numbers, new = self._number(batch.plays, chosen, counts)
        written: dict[str, Admitted] = {}
        for name, rows in chosen.items():
            admitted = self._state.intakes[name].admit(
                batch.plays.select(rows), numbers[rows], self._state.listeners
            )
            add_counts(counts, admitted.counts)
            written[name] = admitted
        if self._witness is not None:
            self._witness.before_commit(batch, written)
        self._commit(batch, written, new)
        if self._witness is not None:
            self._witness.after_commit()
        return counts

    def _catch_up(self) -> None:
        if self._follow():
            for intake in self._state.intakes.values():
                intake.refresh()
        for name, intake in self._state.intakes.items():
            horizon = intake.horizon_ms(self._now_ms)
            if horizon != self._forgotten.get(name):
                self._days_over += [(name, *key) for key in intake.forget(self._now_ms)]
                self._forgotten[name] = horizon

    def _screen(self, batch: Batch, counts: producer_pb2.PlayCounts) -> dict[str, Longs]:
        """Return which plays go on to which data set."""
        screened = self._state.intakes[batch.data_set].screen(batch.plays, self._now_ms)
        add_counts(counts, screened.counts)
        chosen = {batch.data_set: np.flatnonzero(screened.kept)}
        reroutes = self._late_to_history and batch.data_set == LIVE
        late = np.flatnonzero(screened.late)
        if reroutes and late.size and HISTORY in self._state.intakes:
            again = self._state.intakes[HISTORY].screen(batch.plays.select(late), self._now_ms)
            counts.too_late -= late.size
            counts.rerouted += late.size
            add_counts(counts, again.counts)
            chosen[HISTORY] = late[again.kept]
        return chosen

    def _number(
        self, plays: Plays, chosen: dict[str, Longs], counts: producer_pb2.PlayCounts
    ) -> tuple[Longs, list[NewListener]]:
        """Number the listeners of the chosen plays; take other writers' out of `chosen`.

        Returns:
            The number of each play's listener, and those who are new.
        """
        used = np.unique(plays.account[np.concatenate(list(chosen.values()))])
        numbered = self._state.listeners.number([plays.accounts[code] for code in used.tolist()])
        by_account = np.full(len(plays.accounts), FOREIGN, np.int64)
        by_account[used] = numbered.numbers
        numbers = by_account[plays.account]
        for name, rows in chosen.items():
            own = numbers[rows] != FOREIGN
            counts.foreign += int(len(rows) - own.sum())
            chosen[name] = rows[own]
        return numbers, numbered.new

    def _commit(
        self, batch: Batch, written: Mapping[str, Admitted], new: list[NewListener]
    ) -> None:
        announce = {}
        for admitted in written.values():
            announce.update(admitted.announce)
        if batch.cursor is None and not any(len(each.listens) for each in written.values()):
            return
        with self._log.transaction():
            try:
                self._produce(batch, written, new, announce)
            except FatalWriteError:
                raise
            except Exception as error:
                raise FatalWriteError(f"a transaction was left open by {error!r}") from error
        self._state.listeners.commit(new, self._now_ms)
        self._state.track_names.commit(announce, batch.plays.tracks)
        for name, admitted in written.items():
            self._state.intakes[name].bounds.commit(admitted.decision)
        if batch.cursor is not None:
            self._state.cursors[batch.source + self._cursor_suffix] = batch.cursor
        self._days_over.clear()

    def _produce(
        self,
        batch: Batch,
        written: Mapping[str, Admitted],
        new: list[NewListener],
        announce: dict[bytes, int],
    ) -> None:
        log, topics, listeners = self._log, self._topics, self._state.listeners
        for listener in new:
            sealed = listeners.sealed(listener, self._now_ms)
            log.produce(topics.vault, listener.record_key, sealed)
        for name, admitted in written.items():
            shards = self._state.intakes[name].data_set.shards
            log.produce_listens(
                topics.listens(name),
                admitted.listens,
                listeners.shards(admitted.listeners, shards),
            )
            for (day, number), slices in admitted.decision.day_slices.items():
                key = slices_key(name, day, *listeners.pseudonym(number))
                log.produce(topics.cursors, key, slices_value(slices))
        for track_id, index in announce.items():
            log.produce(topics.tracks, track_id, track_name(batch.plays.tracks, index))
        for name, day, number in self._days_over:
            log.produce(topics.cursors, slices_key(name, day, *listeners.pseudonym(number)), None)
        if batch.cursor is not None:
            source = batch.source + self._cursor_suffix
            value = cursor_value(source, batch.cursor, self._now_ms)
            log.produce(topics.cursors, source_key(source), value)
