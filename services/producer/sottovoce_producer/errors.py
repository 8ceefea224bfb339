"""What can go wrong in the producer."""

from sottovoce.errors import SottovoceError


class ProducerError(SottovoceError):
    """The producer can't do what it was asked to."""


class SourceError(ProducerError):
    """A source can't be read."""


class VaultError(ProducerError):
    """The vault's key is missing, malformed or not the one that sealed an entry."""


class TruthError(ProducerError):
    """The folder for the truth can't be used."""


class WriterStoppedError(ProducerError):
    """The writer has ended after a failed write; the process is ending."""


class AccountRefusedError(ProducerError):
    """Nothing was written about an account, for a reason that lies in the account."""


class ForeignAccountError(AccountRefusedError):
    """Another writer owns the account."""


class RestingAccountError(AccountRefusedError):
    """The account was forgotten and does not count again yet."""
