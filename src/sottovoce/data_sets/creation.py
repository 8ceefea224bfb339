"""Making data sets: their topics, their constants, their first terms, the opening of the ledger."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Sequence

from sottovoce.data_sets.data_set import DataSet
from sottovoce.data_sets.opening import is_opened, new_opening
from sottovoce.data_sets.publishing import ADMINISTRATOR
from sottovoce.data_sets.registry import Registry
from sottovoce.data_sets.terms import Terms
from sottovoce.data_sets.topic_settings import create_topics, topic_specs
from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.errors import MissingTopicError
from sottovoce.kafka.offsets import high_watermarks
from sottovoce.kafka.topics import Topics
from sottovoce.kafka.transactions import TransactionalWriter
from sottovoce.wire import keys

FIRST_TERMS = {
    "live": Terms("live"),
    "history": Terms("history", listens_per_slice=200, slices_per_day=1),
}
"""The bounds that a data set begins with where nobody says otherwise."""


def create_data_sets(
    settings: KafkaSettings,
    data_sets: Sequence[DataSet],
    terms: Sequence[Terms] = (),
    *,
    brisk: bool = False,
    replication: int = 1,
    in_sync: int = 1,
    now_ms: int | None = None,
) -> list[str]:
    """Create every topic, and each data set that is not there yet; open the ledger.

    Running it again changes nothing: a data set that is there keeps its constants, its epoch and
    its terms.

    Args:
        settings: where Kafka is.
        data_sets: their constants; the epoch is drawn here.
        terms: their first terms; `FIRST_TERMS` where none are given.
        brisk: topics whose segments roll and compact within seconds.
        replication: copies of each partition.
        in_sync: copies that must have a record before it counts as written.
        now_ms: the current time where it is told; slices that began before have no budget.

    Returns:
        The names of the topics created.
    """
    topics = Topics(settings.kafka_topic_prefix)
    writer = TransactionalWriter(settings, ADMINISTRATOR)
    there = _data_sets_there(settings)
    # A topic that was lost comes back with the shards that its data set has, not those told now.
    shaped = [there.get(data_set.name, data_set) for data_set in data_sets]
    created = create_topics(
        settings.admin(),
        list(topic_specs(topics, shaped, brisk=brisk)),
        replication=replication,
        in_sync=in_sync,
    )
    given = {each.data_set: each for each in terms}
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    # A topic that was made just now holds nothing, and may have no leader yet to be asked.
    is_open = topics.charges not in created and is_opened(settings)
    opening = None if is_open else new_opening(settings, data_sets, there, now_ms)
    with writer.transaction():
        if opening is not None:
            writer.produce(topics.charges, opening.opening.ledger, opening.SerializeToString())
        for data_set in data_sets:
            if data_set.name in there:
                continue
            made = dataclasses.replace(
                data_set, epoch=secrets.token_bytes(16), created_at_ms=now_ms
            )
            writer.produce(
                topics.catalogues,
                keys.data_set_key(made.name),
                made.to_message().SerializeToString(),
            )
            first = given.get(made.name) or FIRST_TERMS.get(made.name) or Terms(made.name)
            writer.produce(
                topics.catalogues,
                keys.terms_key(made.name, first.from_ms),
                first.to_message().SerializeToString(),
            )
    return created


def _data_sets_there(settings: KafkaSettings) -> dict[str, DataSet]:
    try:
        registry = Registry(settings)
    except MissingTopicError:
        return {}
    registry.close()
    return registry.data_sets


def is_untouched(settings: KafkaSettings, data_set: DataSet) -> bool:
    """Return whether nothing was ever written to a data set's log."""
    topic = Topics(settings.kafka_topic_prefix).listens(data_set.name)
    ends = high_watermarks(settings, [(topic, shard) for shard in range(data_set.shards)])
    return not any(ends.values())
