"""Every topic, with the settings that the design rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS, DataSet
from sottovoce.kafka.errors import LogError
from sottovoce.kafka.topics import Topics


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be.

    Attributes:
        name: without the prefix.
        partitions: one a shard for the topics of a data set, else 1.
        config: Kafka's own names and values.
    """

    name: str
    partitions: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


def topic_specs(
    topics: Topics, data_sets: list[DataSet], *, brisk: bool = False
) -> Iterator[TopicSpec]:
    """Yield every topic.

    Args:
        topics: their names.
        data_sets: those to make topics for.
        brisk: segments that roll and compact within seconds, for demos and tests.
    """
    roll = 10_000 if brisk else HOUR_MS
    lag = 60_000 if brisk else DAY_MS
    compact = {
        "cleanup.policy": "compact",
        "segment.ms": str(roll),
        "max.compaction.lag.ms": str(lag),
        "min.cleanable.dirty.ratio": "0.1",
        "delete.retention.ms": str(lag),
    }
    # A reader must see a delta's tombstone before either is gone.
    cells = {**compact, "min.compaction.lag.ms": str(lag // 2)}
    for data_set in data_sets:
        by_append_time = data_set.by_append_time
        yield TopicSpec(
            topics.listens(data_set.name),
            data_set.shards,
            {
                **compact,
                "cleanup.policy": "compact,delete",
                "message.timestamp.type": "LogAppendTime",
                "retention.ms": str(data_set.log_retention_ms if by_append_time else -1),
            },
        )
        yield TopicSpec(topics.cells(data_set.name), data_set.shards, cells)
    for name in (
        topics.cursors,
        topics.vault,
        topics.tracks,
        topics.catalogues,
        topics.erasures,
        topics.releases,
    ):
        yield TopicSpec(name, 1, compact)
    yield TopicSpec(
        topics.dead_letters,
        1,
        # Each has a key of its own; an erasure takes its listener's away by tombstones.
        {**compact, "cleanup.policy": "compact,delete", "retention.ms": str(7 * DAY_MS)},
    )
    yield TopicSpec(
        topics.charges,
        1,
        {"cleanup.policy": "delete", "retention.ms": "-1", "flush.messages": "1"},
    )


def create_topics(
    admin: AdminClient, specs: list[TopicSpec], *, replication: int = 1, in_sync: int = 1
) -> list[str]:
    """Create the topics that are not there.

    Returns:
        The names of those created.

    Raises:
        LogError: the broker refused one, with its reason.
    """
    new = [
        NewTopic(
            spec.name,
            num_partitions=spec.partitions,
            replication_factor=replication,
            config={**spec.config, "min.insync.replicas": str(in_sync)},
        )
        for spec in specs
    ]
    created = []
    for name, future in admin.create_topics(new, operation_timeout=30).items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise LogError(f"topic {name} was not created: {error.args[0].str()}") from error
        else:
            created.append(name)
    return created


@dataclass(frozen=True, slots=True)
class TopicDifference:
    """Where a topic is not as it should be."""

    topic: str
    setting: str
    wanted: str
    found: str


def compare_topics(
    admin: AdminClient, specs: list[TopicSpec], timeout: float = 10.0
) -> list[TopicDifference]:
    """Return every difference between the topics as they should be and as they are.

    Raises:
        LogError: the broker does not tell, with its reason.
    """
    try:
        there = admin.list_topics(timeout=timeout).topics
        present = [spec for spec in specs if spec.name in there]
        resources = [ConfigResource(ResourceType.TOPIC, spec.name) for spec in present]
        described = admin.describe_configs(resources, request_timeout=timeout) if resources else {}
        configs = {resource.name: future.result() for resource, future in described.items()}
    except KafkaException as error:
        raise LogError(f"the topics can't be compared: {error.args[0].str()}") from error
    differences = []
    for spec in specs:
        if spec.name not in there:
            differences.append(TopicDifference(spec.name, "topic", "there", "missing"))
            continue
        found = len(there[spec.name].partitions)
        if found != spec.partitions:
            differences.append(
                TopicDifference(spec.name, "partitions", str(spec.partitions), str(found))
            )
    differences.extend(
        TopicDifference(spec.name, setting, wanted, str(configs[spec.name][setting].value))
        for spec in present
        for setting, wanted in spec.config.items()
        if str(configs[spec.name][setting].value) != wanted
    )
    return differences
