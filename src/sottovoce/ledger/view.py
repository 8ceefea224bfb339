"""What a prefix of both logs says: which releases hold, and their bodies."""

from __future__ import annotations

from collections.abc import Callable

from sottovoce.ledger.codec import BODY_BYTES, decode_part, decode_record
from sottovoce.ledger.errors import TornLedgerError
from sottovoce.privacy import ChargeRecord, Held, Ledger, Verdict


class LedgerView:
    """Joins `charges` with `releases`, record by record, in whatever order the two are read.

    Bodies of records that don't hold are let go of unseen: what a losing replica drew is nothing.

    Args:
        on_release: called once with each record that holds, when its body is there in all parts,
            and with the bytes of these.
        on_withdrawal: called with the name of a body that was taken back.

    Attributes:
        ledger: what was spent.
        verdicts: of charges by the names of their bodies; whoever has no use for them clears it.
    """

    def __init__(
        self,
        on_release: Callable[[ChargeRecord, bytes], None],
        on_withdrawal: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self.ledger = Ledger()
        self._on_release = on_release
        self._on_withdrawal = on_withdrawal
        self.verdicts: dict[bytes, Verdict] = {}
        self._waiting: dict[bytes, ChargeRecord] = {}
        self._parts: dict[bytes, dict[int, bytes]] = {}
        self._done: set[bytes] = set()

    def apply_charge(self, value: bytes) -> None:
        """Take in a record of `charges`."""
        record = decode_record(value)
        verdict = self.ledger.apply(record)
        if not isinstance(record, ChargeRecord):
            return
        self.verdicts[record.body] = verdict
        if isinstance(verdict, Held):
            self._waiting[record.body] = record
            self._join(record.body)
        else:
            self._parts.pop(record.body, None)
            self._done.add(record.body)

    def apply_part(self, key: bytes, value: bytes | None) -> None:
        """Take in a record of `releases`; a tombstone takes the body back."""
        if value is None:
            body = key[:BODY_BYTES]
            self._parts.pop(body, None)
            self._on_withdrawal(body)
            return
        part = decode_part(value)
        opening = self.ledger.opening
        foreign = opening is not None and part.ledger != opening.ledger
        if part.draw in self._done or foreign:
            return
        self._parts.setdefault(part.draw, {})[part.part] = part.SerializeToString()
        self._join(part.draw)

    def _join(self, body: bytes) -> None:
        record, parts = self._waiting.get(body), self._parts.get(body)
        if record is None or parts is None:
            return
        read = [decode_part(parts[number]) for number in sorted(parts)]
        if len(read) < read[0].parts:
            return
        del self._waiting[body], self._parts[body]
        self._done.add(body)
        self._on_release(record, b"".join(part.content for part in read))

    @property
    def bodies_missing(self) -> int:
        """How many records hold whose body is not there yet; real rows may have been taken back."""
        return sum(record.noise is not None for record in self._waiting.values())

    def require_whole(self) -> None:
        """Return where every body of this ledger has its charge; call it when both are read.

        Raises:
            TornLedgerError: the ledger lost records that it had.
        """
        opening = self.ledger.opening
        orphans = [
            body
            for body, parts in self._parts.items()
            if opening is not None
            and any(decode_part(each).ledger == opening.ledger for each in parts.values())
        ]
        if orphans:
            raise TornLedgerError(
                f"{len(orphans)} releases stand whose charges are gone: the topic `charges` lost "
                "records, so nobody knows what was spent, and nothing is released. Restore it, or "
                "delete it and run `sottovoce topics create`: slices that began before then have "
                "no budget"
            )
