"""The log of releases: what was charged and what was released, as bytes and as values."""

from sottovoce.ledger.body import Body, RealRow
from sottovoce.ledger.errors import LedgerError, TornLedgerError
from sottovoce.ledger.view import LedgerView

__all__ = ["Body", "LedgerError", "LedgerView", "RealRow", "TornLedgerError"]
