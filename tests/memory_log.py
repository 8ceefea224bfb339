"""A log of releases in memory, that several replicas share: the same codec, no broker."""

from __future__ import annotations

from sottovoce.ledger import LedgerView
from sottovoce.ledger.codec import encode_body, encode_record
from sottovoce.privacy import Opening

LEDGER = b"a ledger of test"


class SharedLog:
    """What is written, in order; replicas read it at their own pace."""

    def __init__(self, opened_at_ms=0, horizons=()):
        self.records = []  # (topic, key, value)
        opening = Opening(LEDGER, opened_at_ms, horizons)
        self.records.append(("charges", b"", encode_record(opening)))


class MemoryLog:
    """One replica's view of a shared log.

    Attributes:
        before_write: called before a transaction is written; a test puts a rival's here.
    """

    def __init__(self, shared, on_release, on_withdrawal=lambda _: None):
        self.shared = shared
        self._view = LedgerView(on_release, on_withdrawal)
        self._position = 0
        self.before_write = lambda: None

    @property
    def ledger(self):
        return self._view.ledger

    def catch_up(self):
        self.poll()
        self._view.require_whole()

    def poll(self):
        self._read()
        self._view.verdicts.clear()

    def _read(self):
        while self._position < len(self.shared.records):
            topic, key, value = self.shared.records[self._position]
            self._position += 1
            if topic == "charges":
                self._view.apply_charge(value)
            else:
                self._view.apply_part(key, value)

    def release(self, made):
        self.before_write()
        for record, body in made:
            for key, value in encode_body(record.ledger, record.body, body.to_bytes()):
                self.shared.records.append(("releases", key, value))
            self.shared.records.append(("charges", record.body, encode_record(record)))
        self._read()
        return [self._view.verdicts[record.body] for record, _ in made]

    def allow(self, allowances):
        for each in allowances:
            self.shared.records.append(("charges", b"", encode_record(each)))
        self._read()

    def rewrite(self, thinner):
        for name, (_, new) in thinner.items():
            for key, value in encode_body(LEDGER, name, new.to_bytes()):
                self.shared.records.append(("releases", key, value))

    def withdraw(self, names):
        for name in names:
            for key, _ in encode_body(b"", name, b""):
                self.shared.records.append(("releases", key, None))
        self._read()

    def close(self):
        pass
