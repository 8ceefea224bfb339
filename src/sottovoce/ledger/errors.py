"""What can be wrong with the log of releases."""

from sottovoce.errors import SottovoceError


class LedgerError(SottovoceError):
    """A record of the ledger, or a release's body, can't be read."""


class TornLedgerError(LedgerError):
    """Releases stand whose charges are gone: the ledger lost records, so nothing may be spent."""
