"""The topics as they are: described, and compared with what they should be."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import ConfigResource, ResourceType

from sottovoce.data_sets.data_set import DataSet
from sottovoce.data_sets.registry import Registry
from sottovoce.data_sets.topic_settings import TopicDifference, compare_topics, topic_specs
from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.errors import LogError
from sottovoce.kafka.offsets import Partition, first_offsets, high_watermarks
from sottovoce.kafka.topics import Topics


@dataclass(frozen=True, slots=True)
class TopicDescription:
    """A topic as it is.

    Attributes:
        name: with its prefix.
        partitions: how many.
        replication: copies of each.
        cleanup_policy: Kafka's own word.
        retention_ms: -1 for ever.
        records: offsets between the beginnings and the ends: an upper bound of the records held.
    """

    name: str
    partitions: int
    replication: int
    cleanup_policy: str
    retention_ms: int
    records: int

    @property
    def logs(self) -> list[Partition]:
        """Its partitions, each by the topic's name and its number."""
        return [(self.name, partition) for partition in range(self.partitions)]


def data_sets_there(settings: KafkaSettings) -> list[DataSet]:
    """Return the data sets that were made.

    Raises:
        MissingTopicError: none were.
    """
    registry = Registry(settings)
    registry.close()
    return [registry.data_sets[name] for name in sorted(registry.data_sets)]


def topic_differences(settings: KafkaSettings) -> list[TopicDifference]:
    """Return where topics differ from what they should be, brisk or steady, whichever is closer."""
    settings.require_broker()
    topics = Topics(settings.kafka_topic_prefix)
    data_sets = data_sets_there(settings)
    admin = settings.admin()
    both = [
        compare_topics(admin, list(topic_specs(topics, data_sets, brisk=brisk)))
        for brisk in (False, True)
    ]
    return min(both, key=len)


def describe_topics(settings: KafkaSettings) -> list[TopicDescription]:
    """Describe those of our topics that are there."""
    settings.require_broker()
    specs = topic_specs(Topics(settings.kafka_topic_prefix), data_sets_there(settings))
    admin = settings.admin()
    try:
        there = admin.list_topics(timeout=10).topics
        names = [spec.name for spec in specs if spec.name in there]
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        configs = {
            resource.name: future.result()
            for resource, future in admin.describe_configs(resources, request_timeout=10).items()
        }
    except KafkaException as error:
        raise LogError(f"the topics can't be described: {error.args[0].str()}") from error
    pairs = [(name, each) for name in names for each in there[name].partitions]
    firsts, ends = first_offsets(settings, pairs), high_watermarks(settings, pairs)
    held = dict.fromkeys(names, 0)
    for pair in pairs:
        held[pair[0]] += ends[pair] - firsts[pair]
    return [
        TopicDescription(
            name=name,
            partitions=len(there[name].partitions),
            replication=len(there[name].partitions[0].replicas),
            cleanup_policy=str(configs[name]["cleanup.policy"].value),
            retention_ms=int(str(configs[name]["retention.ms"].value)),
            records=held[name],
        )
        for name in names
    ]
