"""Waiting for what `sottovoce topics create` makes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sottovoce.data_sets.registry import Registry
from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.errors import LogError, MissingTopicError, UnreachableBrokerError

_LOOK_SECONDS: Final = 1.0
_NOT_YET: Final = (MissingTopicError, UnreachableBrokerError)


def wait_for_data_sets(
    settings: KafkaSettings,
    *,
    catalogue: bool = False,
    timeout: float = 300.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Return the data sets' names once they are there.

    Args:
        settings: where Kafka is.
        catalogue: whether `live` must be pinned to a catalogue as well.
        timeout: seconds to wait at most.
        clock: seconds of a clock that never goes back.
        sleep: waits.

    Raises:
        LogError: they are not there after that time; the message says what was missing last.
    """
    until = clock() + timeout
    while True:
        try:
            settings.require_broker(timeout=5.0)
            registry = Registry(settings)
        except _NOT_YET as error:
            missing: LogError = error
        else:
            names = sorted(registry.data_sets)
            terms = registry.terms("live") if catalogue else None
            registry.close()
            # The newest terms: pinned for slices to come is pinned.
            if terms is None or terms.at(max(terms.starts)).catalogue_version:
                return names
            missing = MissingTopicError("live is pinned to no catalogue yet")
        if clock() >= until:
            raise type(missing)(f"after {timeout:.0f} s: {missing}") from missing
        sleep(_LOOK_SECONDS)
