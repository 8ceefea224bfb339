"""The writer: plays in, one Kafka transaction a batch, memory only behind the commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sottovoce.data_sets.data_set import DataSetError
from sottovoce.wire.keys import source_key
from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.counts import add_counts
from sottovoce_producer.errors import ForeignAccountError, RestingAccountError
from sottovoce_producer.intake import Admitted
from sottovoce_producer.listen_log import ListenLog
from sottovoce_producer.listeners import FOREIGN, RESTING, Longs, NewListener
from sottovoce_producer.plays import Plays
from sottovoce_producer.records import cursor_value, slices_key, slices_value
from sottovoce_producer.session import Session
from sottovoce_producer.state import WriterState
from sottovoce_producer.tracks import track_name

HISTORY = "history"
LIVE = "live"


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
        session: the writer's hold on the log and on what it knows.
        follow: called before each batch: looks for new terms and seals, returns whether there are.
        late_to_history: whether plays too old for `live` are judged for `history` instead.
        witness: is told what is written.
    """

    def __init__(
        self,
        session: Session,
        *,
        follow: Callable[[], bool] = lambda: False,
        late_to_history: bool = False,
        witness: Witness | None = None,
    ) -> None:
        self._session = session
        self._state = session.state
        self._follow = follow
        self._late_to_history = late_to_history
        self._witness = witness
        self._forgotten: dict[str, int] = {}

    @property
    def stopped(self) -> BaseException | None:
        """What ended the writer; None while it runs."""
        return self._session.stopped

    @property
    def state(self) -> WriterState:
        """What the writer knows; for figures about it."""
        return self._state

    def cursor(self, source: str) -> bytes | None:
        """Return where a source stands; None if it was never seen."""
        return self._state.cursors.get(source + self._session.cursor_suffix)

    def connect(self, account: str, tokens: bytes) -> None:
        """Keep the tokens of an account's connection to a source, sealed in the vault.

        Args:
            account: who; becomes a listener if it is none yet.
            tokens: as the source keeps them.

        Raises:
            ForeignAccountError: another writer owns the account; nothing was written.
            RestingAccountError: it was forgotten and does not count again yet; likewise.
            FatalWriteError: the outcome is unknown: the process must end.
            WriterStoppedError: it failed before.
        """
        with self._session.turn() as now_ms:
            listeners = self._state.listeners
            numbered = listeners.number([account], now_ms)
            number = int(numbered.numbers[0])
            if number == FOREIGN:
                raise ForeignAccountError("another writer owns this account: connect it there")
            if number == RESTING:
                raise RestingAccountError(
                    "this account was forgotten: it can be connected again tomorrow, or when its "
                    "erasure is done"
                )
            with self._session.transaction() as log:
                sealed = listeners.sealed_tokens(account, number, tokens, now_ms)
                log.produce(self._session.topics.vault, listeners.record_key(account), sealed)
            listeners.commit(numbered.new, now_ms)
            listeners.commit_tokens(account, tokens)

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
        with self._session.turn() as now_ms:
            return self._write(batch, now_ms)

    def _write(self, batch: Batch, now_ms: int) -> producer_pb2.PlayCounts:
        self._catch_up(now_ms)
        counts = producer_pb2.PlayCounts(malformed=batch.malformed)
        chosen = self._screen(batch, counts, now_ms)
        numbers, new = self._number(batch.plays, chosen, counts, now_ms)
        written: dict[str, Admitted] = {}
        for name, rows in chosen.items():
            admitted = self._state.intakes[name].admit(
                batch.plays.select(rows), numbers[rows], self._state.listeners
            )
            add_counts(counts, admitted.counts)
            written[name] = admitted
        if self._witness is not None:
            self._witness.before_commit(batch, written)
        self._commit(batch, written, new, now_ms)
        if self._witness is not None:
            self._witness.after_commit()
        return counts

    def _catch_up(self, now_ms: int) -> None:
        if self._follow():
            for intake in self._state.intakes.values():
                intake.refresh()
        for name, intake in self._state.intakes.items():
            horizon = intake.horizon_ms(now_ms)
            if horizon != self._forgotten.get(name):
                self._state.days_over += [(name, *key) for key in intake.forget(now_ms)]
                self._forgotten[name] = horizon

    def _screen(
        self, batch: Batch, counts: producer_pb2.PlayCounts, now_ms: int
    ) -> dict[str, Longs]:
        """Return which plays go on to which data set."""
        screened = self._state.intakes[batch.data_set].screen(batch.plays, now_ms)
        add_counts(counts, screened.counts)
        chosen = {batch.data_set: np.flatnonzero(screened.kept)}
        reroutes = self._late_to_history and batch.data_set == LIVE
        late = np.flatnonzero(screened.late)
        if reroutes and late.size and HISTORY in self._state.intakes:
            again = self._state.intakes[HISTORY].screen(batch.plays.select(late), now_ms)
            counts.too_late -= late.size
            counts.rerouted += late.size
            add_counts(counts, again.counts)
            chosen[HISTORY] = late[again.kept]
        return chosen

    def _number(
        self,
        plays: Plays,
        chosen: dict[str, Longs],
        counts: producer_pb2.PlayCounts,
        now_ms: int,
    ) -> tuple[Longs, list[NewListener]]:
        """Number the listeners of the chosen plays; leave in `chosen` those of its own that count.

        Returns:
            The number of each play's listener, and those who are new.
        """
        used = np.unique(plays.account[np.concatenate(list(chosen.values()))])
        accounts = [plays.accounts[code] for code in used.tolist()]
        numbered = self._state.listeners.number(accounts, now_ms)
        by_account = np.full(len(plays.accounts), FOREIGN, np.int64)
        by_account[used] = numbered.numbers
        numbers = by_account[plays.account]
        for name, rows in chosen.items():
            counts.foreign += int((numbers[rows] == FOREIGN).sum())
            counts.resting += int((numbers[rows] == RESTING).sum())
            chosen[name] = rows[numbers[rows] >= 0]
        return numbers, numbered.new

    def _commit(
        self,
        batch: Batch,
        written: Mapping[str, Admitted],
        new: list[NewListener],
        now_ms: int,
    ) -> None:
        announce = {}
        for admitted in written.values():
            announce.update(admitted.announce)
        cursor = batch.cursor
        if self._state.listeners.resting.silences(batch.source):
            cursor = None
        if cursor is None and not any(len(each.listens) for each in written.values()):
            return
        source = batch.source + self._session.cursor_suffix
        with self._session.transaction() as log:
            self._produce(log, written, new, now_ms)
            for track_id, index in announce.items():
                names = track_name(batch.plays.tracks, index)
                log.produce(self._session.topics.tracks, track_id, names)
            if cursor is not None:
                value = cursor_value(source, cursor, now_ms)
                log.produce(self._session.topics.cursors, source_key(source), value)
        self._state.listeners.commit(new, now_ms)
        self._state.track_names.commit(announce, batch.plays.tracks)
        for name, admitted in written.items():
            self._state.intakes[name].bounds.commit(admitted.decision)
        if cursor is not None:
            self._state.cursors[source] = cursor

    def _produce(
        self,
        log: ListenLog,
        written: Mapping[str, Admitted],
        new: list[NewListener],
        now_ms: int,
    ) -> None:
        topics, listeners = self._session.topics, self._state.listeners
        for listener in new:
            log.produce(topics.vault, listener.record_key, listeners.sealed(listener, now_ms))
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
