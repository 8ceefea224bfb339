"""The log of releases on Kafka: written in transactions, read back, followed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sottovoce.kafka import KafkaSettings, LogReader, Topics, TransactionalWriter
from sottovoce.kafka.errors import LogError
from sottovoce.kafka.offsets import high_watermarks
from sottovoce.kafka.reading import Record, as_record
from sottovoce.ledger.body import Body
from sottovoce.ledger.codec import encode_body, encode_record
from sottovoce.ledger.view import LedgerView
from sottovoce.privacy import Allowance, ChargeRecord, Held, Ledger, Verdict

_PATIENCE: Final = 30.0
_AT_ONCE: Final = 1000


class KafkaReleaseLog:
    """`charges` and `releases` as one replica writes and reads them. For one thread at a time.

    Each process has a transactional id of its own: nothing of a predecessor has to be fenced, since
    the log's order decides what holds, whoever wrote it and however late it came.

    Args:
        settings: where Kafka is.
        on_release: called with each release that holds, and its body's bytes.
        on_withdrawal: called with the name of a body that was taken back.

    Raises:
        MissingTopicError: `sottovoce topics create` was not run.
        LogError: the broker can't be reached.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        on_release: Callable[[ChargeRecord, bytes], None],
        on_withdrawal: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        topics = Topics(settings.kafka_topic_prefix)
        self._charges, self._releases = topics.charges, topics.releases
        self._settings = settings
        self._view = LedgerView(on_release, on_withdrawal)
        self._writer = TransactionalWriter(settings, f"query-{secrets.token_hex(8)}")
        self._readers = {
            pair: LogReader(settings, [pair], at_once=_AT_ONCE) for pair in self._pairs
        }
        self._losers: list[tuple[bytes, Body]] = []

    @property
    def _pairs(self) -> list[tuple[str, int]]:
        return [(self._charges, 0), (self._releases, 0)]

    @property
    def ledger(self) -> Ledger:
        """What was spent, as far as it was read."""
        return self._view.ledger

    def catch_up(self) -> None:
        """Read to the end: some charges and then their bodies, so that few have to wait.

        Raises:
            TornLedgerError: the ledger lost records.
        """
        charges, releases = self._readers.values()
        for messages in charges.messages_to_end():
            for message in messages:
                self._apply(as_record(message))
            self._view.verdicts.clear()  # nobody waits for one
            until = time.monotonic() + _PATIENCE
            while self._view.bodies_missing and not releases.at_end and time.monotonic() < until:
                self._take(releases, 0.05)
        # What was committed between the two ends may have shown its body alone.
        self._read_through(high_watermarks(self._settings, self._pairs))
        self._view.require_whole()
        self._view.verdicts.clear()

    def poll(self) -> None:
        """Read what came since, without waiting."""
        for reader in self._readers.values():
            self._take(reader, 0.0)
        self._view.verdicts.clear()

    def release(self, made: Sequence[tuple[ChargeRecord, Body]]) -> list[Verdict]:
        """Write releases in one transaction, read them back; return what became of each.

        Raises:
            FatalWriteError: the outcome is unknown: the process must end.
            LogError: what was written can't be read back.
        """
        with self._writer.transaction():
            self._bury_losers()
            for record, body in made:
                for key, value in encode_body(record.ledger, record.body, body.to_bytes()):
                    self._writer.produce(self._releases, key, value)
                self._writer.produce(self._charges, record.body, encode_record(record))
        self._read_back([record.body for record, _ in made])
        verdicts = [self._view.verdicts[record.body] for record, _ in made]
        self._losers += [
            (record.body, body)
            for (record, body), verdict in zip(made, verdicts, strict=True)
            if not isinstance(verdict, Held)
        ]
        return verdicts

    def allow(self, allowances: Sequence[Allowance]) -> None:
        """Write allowances and read on; the ledger says afterwards which of them hold."""
        with self._writer.transaction():
            for each in allowances:
                self._writer.produce(self._charges, each.data_set.encode(), encode_record(each))
        self._read_back([])

    def rewrite(self, thinner: Mapping[bytes, tuple[Body, Body]]) -> None:
        """Put bodies in the place of those that stand, by their names: the old one, the new one."""
        opening = self.ledger.opening
        if not thinner or opening is None:
            return
        with self._writer.transaction():
            for name, (old, new) in thinner.items():
                parts = list(encode_body(opening.ledger, name, new.to_bytes()))
                for key, value in parts:
                    self._writer.produce(self._releases, key, value)
                for key, _ in list(encode_body(opening.ledger, name, old.to_bytes()))[len(parts) :]:
                    self._writer.produce(self._releases, key, None)

    def withdraw(self, names: Sequence[bytes]) -> None:
        """Take bodies of one part back: whoever reads on lets go of them."""
        with self._writer.transaction():
            for name in names:
                for key, _ in encode_body(b"", name, b""):
                    self._writer.produce(self._releases, key, None)
        self._read_back([])

    def close(self) -> None:
        """Let go of the connection."""
        for reader in self._readers.values():
            reader.close()

    def _bury_losers(self) -> None:
        for name, body in self._losers:
            for key, _ in encode_body(b"", name, body.to_bytes()):
                self._writer.produce(self._releases, key, None)
        self._losers.clear()

    def _take(self, reader: LogReader, seconds: float) -> None:
        for record in reader.poll(seconds):
            self._apply(record)

    def _apply(self, record: Record) -> None:
        if record.topic == self._releases:
            self._view.apply_part(record.key, record.value)
        elif record.value is not None:
            self._view.apply_charge(record.value)

    def _read_back(self, written: Sequence[bytes]) -> None:
        """Read until each was judged and every release that holds has its body."""
        until = time.monotonic() + _PATIENCE
        while True:
            self._read_through(high_watermarks(self._settings, self._pairs))
            judged = all(name in self._view.verdicts for name in written)
            if judged and not self._view.bodies_missing:
                return
            if time.monotonic() > until:
                raise LogError(
                    f"{self._charges}: what was written {_PATIENCE:.0f} s ago can't be read back"
                )

    def _read_through(self, ends: Mapping[tuple[str, int], int]) -> None:
        until = time.monotonic() + _PATIENCE
        for pair, end in ends.items():
            reader = self._readers[pair]
            while reader.positions[pair] < end:
                self._take(reader, 0.05)
                if time.monotonic() > until:
                    raise LogError(f"{pair[0]}: no progress for {_PATIENCE:.0f} s")
