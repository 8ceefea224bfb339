"""What can go wrong on the machine that Sottovoce is tried on."""

from sottovoce.errors import SottovoceError


class LocalError(SottovoceError):
    """The local machine could not do what was asked of it."""


class PrerequisiteError(LocalError):
    """Something that must be there before a local run is missing, too old or taken."""


class JarsUnavailableError(LocalError):
    """Kafka's jars could not be fetched, or are not what the lock says."""


class BrokerFailedError(LocalError):
    """The local broker did not start, or ended by itself."""
