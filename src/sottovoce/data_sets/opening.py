"""Opening the ledger: from which slice on each data set has a budget.

A ledger that is made anew where one was lost must not give a slice a second budget, even if the
clock was set back meanwhile: so the data sets' own progress counts as well as the clock.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from sottovoce.data_sets.data_set import DataSet
from sottovoce.data_sets.progress import latest_progress
from sottovoce.data_sets.sealing import sealed_through
from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.offsets import high_watermarks
from sottovoce.kafka.topics import Topics
from sottovoce.wire.v1 import release_pb2

LEDGER_BYTES: Final = 16


def is_opened(settings: KafkaSettings) -> bool:
    """Return whether the ledger has a record."""
    pair = (Topics(settings.kafka_topic_prefix).charges, 0)
    return high_watermarks(settings, [pair])[pair] > 0


def new_opening(
    settings: KafkaSettings,
    data_sets: Iterable[DataSet],
    there: Mapping[str, DataSet],
    now_ms: int,
) -> release_pb2.LedgerRecord:
    """Return the first record of a new ledger.

    Args:
        settings: where Kafka is.
        data_sets: those that are made together with the ledger.
        there: those that are there already, and may have been released under an earlier ledger.
        now_ms: the current time.
    """
    horizons = {name: _reached(settings, each, now_ms) for name, each in there.items()}
    for each in data_sets:
        if each.name not in horizons:
            horizons[each.name] = now_ms if each.by_append_time else each.first_ms
    return release_pb2.LedgerRecord(
        opening=release_pb2.LedgerOpening(
            ledger=secrets.token_bytes(LEDGER_BYTES),
            opened_at_ms=now_ms,
            horizons=[
                release_pb2.LedgerHorizon(data_set=name, from_ms=from_ms)
                for name, from_ms in sorted(horizons.items())
            ],
        )
    )


def _reached(settings: KafkaSettings, data_set: DataSet, now_ms: int) -> int:
    """Return a time before which slices may have been released."""
    if not data_set.by_append_time:
        return max(sealed_through(settings, data_set), data_set.first_ms)
    progress = latest_progress(settings, data_set).values()
    seen = (max(each.complete_through_ms, each.append_time_ms) for each in progress)
    return max(now_ms, *seen, 0)
