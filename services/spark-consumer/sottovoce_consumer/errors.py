"""What ends the consumer, one sentence each."""

from sottovoce.errors import SottovoceError


class ConsumerError(SottovoceError):
    """The root of what ends the consumer on purpose."""


class ReadStalledError(ConsumerError):
    """A range of the log could not be read to its end in time."""


class StreamFailedError(ConsumerError):
    """Spark's query ended by itself."""
