"""Telling accounts apart from those who ask, and forgetting them.

An account that nobody knows goes the same way as a known one: the same answers, and the same kinds
of records under a pseudonym that nobody has. So neither an answer, nor what it takes to give it,
nor a second question tells whether somebody listens here.
"""

from __future__ import annotations

from sottovoce.wire.keys import retired_key, source_key
from sottovoce.wire.listens import shard_of
from sottovoce.wire.v1 import listen_pb2
from sottovoce_producer.errors import ForeignAccountError
from sottovoce_producer.listen_log import ListenLog
from sottovoce_producer.listeners import NOBODY
from sottovoce_producer.records import resting_key, resting_value, slices_key
from sottovoce_producer.resting import Rest, end_of_rest
from sottovoce_producer.session import Session
from sottovoce_producer.vault import Pseudonym, account_label, account_source, pseudonym_bytes


class Accounts:
    """The accounts of one writer. Any thread may call it.

    Args:
        session: the writer's.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def writers(self) -> int:
        """How many writers share the accounts."""
        return self._session.state.listeners.writers

    def resolve(self, account: str) -> Pseudonym:
        """Return an account's pseudonym; one that nobody has if it is unknown.

        Raises:
            ForeignAccountError: another writer owns the account.
            WriterStoppedError: the writer has ended.
        """
        with self._session.turn():
            self._own(account)
            return self._pseudonym(account)

    def forget(self, account: str) -> int:
        """Forget an account; return from when on its plays count again, as somebody new's.

        In one transaction: its entry in the vault goes, tokens with it; its pseudonym is retired in
        its shard of every data set; its cursors go; and it rests.

        Raises:
            ForeignAccountError: another writer owns the account; nothing was written.
            FatalWriteError: the outcome is unknown: the process must end.
            WriterStoppedError: it failed before.
        """
        with self._session.turn() as now_ms:
            return self._forget(account, self._own(account), now_ms)

    def forget_listener(self, pseudonym: Pseudonym, *, all_others_asked: bool = False) -> int:
        """Forget whoever has a pseudonym.

        One that nobody has here is retired all the same once no other writer has it either: an
        erasure of it ends like any other, and nothing tells that nobody knew it.

        Args:
            pseudonym: whose.
            all_others_asked: whether every other writer has answered; an only one need not be told.

        Returns:
            From when on plays of a listener that is forgotten now count again.

        Raises:
            FatalWriteError: the outcome is unknown: the process must end.
            WriterStoppedError: it failed before.
        """
        with self._session.turn() as now_ms:
            listeners = self._session.state.listeners
            account = listeners.account_of(pseudonym)
            if account is None:
                if all_others_asked or listeners.writers == 1:
                    with self._session.transaction() as log:
                        self._produce_retired(log, pseudonym, now_ms)
                return self._end_of_rest(now_ms)
            return self._forget(account, listeners.record_key(account), now_ms)

    def rest(self, pseudonym: Pseudonym, after_ms: int) -> None:
        """Let a forgotten listener rest until the first UTC day after a time, if that is longer.

        A rest that is over is not begun again.

        Args:
            pseudonym: the one that was retired.
            after_ms: when the erasure was done, milliseconds since 1970 UTC.

        Raises:
            FatalWriteError: the outcome is unknown: the process must end.
            WriterStoppedError: it failed before.
        """
        with self._session.turn() as now_ms:
            listeners = self._session.state.listeners
            resting = listeners.resting
            record_key = resting.find(listeners.vault.trace(pseudonym))
            before = resting.get(record_key) if record_key else None
            until_ms = self._end_of_rest(after_ms)
            if record_key is None or before is None or not now_ms < before.until_ms < until_ms:
                return
            rest = Rest(until_ms, before.trace)
            with self._session.transaction() as log:
                self._produce_rest(log, record_key, rest)
            resting.commit(record_key, rest)

    def _own(self, account: str) -> bytes:
        """Return the key of an account's record."""
        listeners = self._session.state.listeners
        record_key = listeners.record_key(account)
        if not listeners.owns(record_key):
            raise ForeignAccountError("another writer owns this account: ask it there")
        return record_key

    def _pseudonym(self, account: str) -> Pseudonym:
        listeners = self._session.state.listeners
        number = listeners.number_of(account)
        return listeners.vault.nobody(account) if number is None else listeners.pseudonym(number)

    def _end_of_rest(self, after_ms: int) -> int:
        intakes = self._session.state.intakes.values()
        return end_of_rest(
            after_ms,
            future_ms=max((each.future_ms for each in intakes), default=0),
            lateness_ms=max(
                (each.lateness_ms for each in intakes if each.data_set.by_append_time), default=0
            ),
        )

    def _forget(self, account: str, record_key: bytes, now_ms: int) -> int:
        state, suffix = self._session.state, self._session.cursor_suffix
        listeners, resting = state.listeners, state.listeners.resting
        pseudonym, number = self._pseudonym(account), listeners.number_of(account)
        if number is None:
            number = NOBODY
        rest = Rest(self._end_of_rest(now_ms), listeners.vault.trace(pseudonym))
        before = resting.get(record_key)
        if before is not None and resting.refuses(record_key, now_ms):
            # Forgotten twice: the pseudonym that it had is still the first one.
            rest = Rest(max(rest.until_ms, before.until_ms), before.trace)
        source = account_source(account_label(record_key)) + suffix
        topics = self._session.topics
        with self._session.transaction() as log:
            log.produce(topics.vault, record_key, None)
            self._produce_retired(log, pseudonym, now_ms)
            for name, intake in state.intakes.items():
                for day in intake.bounds.days_of(number):
                    log.produce(topics.cursors, slices_key(name, day, *pseudonym), None)
            log.produce(topics.cursors, source_key(source), None)
            self._produce_rest(log, record_key, rest)
        listeners.forget(account)
        for intake in state.intakes.values():
            intake.bounds.forget_listener(number)
        state.cursors.pop(source, None)
        resting.commit(record_key, rest)
        return rest.until_ms

    def _produce_retired(self, log: ListenLog, pseudonym: Pseudonym, now_ms: int) -> None:
        high, low = pseudonym
        packed = pseudonym_bytes(pseudonym)
        control = listen_pb2.Control(
            retired=listen_pb2.Retired(listener_high=high, listener_low=low, retired_at_ms=now_ms)
        )
        for name, intake in self._session.state.intakes.items():
            log.produce(
                self._session.topics.listens(name),
                retired_key(packed),
                control.SerializeToString(),
                partition=shard_of(packed, intake.data_set.shards),
            )

    def _produce_rest(self, log: ListenLog, record_key: bytes, rest: Rest) -> None:
        log.produce(self._session.topics.cursors, resting_key(record_key), resting_value(rest))
