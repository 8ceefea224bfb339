"""What can go wrong with the log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from confluent_kafka import KafkaError

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


_MISSING: Final = (
    KafkaError._NOENT,  # noqa: SLF001
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)
_GONE: Final = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)  # noqa: SLF001
_UNREACHABLE: Final = (
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._TIMED_OUT,  # noqa: SLF001
)


def as_log_error(error: KafkaError, topics: Iterable[str]) -> LogError:
    """Return what a client's error means for reading these topics."""
    names = ", ".join(sorted(set(topics)))
    if error.code() in _MISSING:
        return MissingTopicError(
            f"a topic is missing ({names}): run `sottovoce topics create` first"
        )
    if error.code() in _GONE:
        return LostRecordsError(f"{names}: records that were to be read are gone: {error.str()}")
    if error.code() in _UNREACHABLE:
        return UnreachableBrokerError(
            f"no Kafka broker answers for {names} ({error.str()}): "
            "is it running, and is kafka_bootstrap right?"
        )
    return LogError(f"{names}: {error.str()}")
