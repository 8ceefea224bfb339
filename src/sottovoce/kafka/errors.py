"""What can go wrong with the log."""

from sottovoce.errors import SottovoceError


class LogError(SottovoceError):
    """The log can't be reached, read or written."""


class UnreachableBrokerError(LogError):
    """No broker answers."""


class MissingTopicError(LogError):
    """A topic that `sottovoce topics create` makes is not there."""


class LostRecordsError(LogError):
    """Records that were still to be read are no longer in the log."""


class FatalWriteError(LogError):
    """A write whose outcome is unknown, or that was fenced: the process must end."""
