"""What an erasure leaves behind for a while, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import ConfigResource, ResourceType

from sottovoce.data_sets.data_set import DataSet
from sottovoce.erasure.book import GONE, NOTHING
from sottovoce.erasure.certificate import Remainder
from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.errors import as_log_error
from sottovoce.kafka.topics import Topics
from sottovoce.wire.v1 import erasure_pb2


def tombstones_kept_ms(settings: KafkaSettings, topics: Sequence[str]) -> int:
    """Return how long a tombstone of these topics stands once what it covers is gone.

    Raises:
        LogError: the broker does not tell.
    """
    admin = settings.admin()
    asked = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
    try:
        found = [future.result() for future in admin.describe_configs(asked).values()]
    except KafkaException as error:
        raise as_log_error(error.args[0], topics) from error
    return max(int(each["delete.retention.ms"].value) for each in found)


def remains(
    states: Iterable[erasure_pb2.ErasureState],
    data_sets: Iterable[DataSet],
    topics: Topics,
    *,
    tombstones_kept_ms: int,
) -> list[Remainder]:
    """Return what remains of a listener as an erasure stands now.

    Args:
        states: that of each shard.
        data_sets: all that there are.
        topics: their names.
        tombstones_kept_ms: how long a tombstone stands once what it covers is gone: the
            `delete.retention.ms` of the logs.
    """
    steps: dict[str, list[erasure_pb2.ErasureState]] = {each.name: [] for each in data_sets}
    for state in states:
        steps.setdefault(state.data_set, []).append(state)
    found: list[Remainder] = []
    unfinished = False
    for name, mine in sorted(steps.items()):
        step = min((state.step for state in mine), default=NOTHING)
        unfinished |= step < GONE
        if step < GONE:
            found.append(
                Remainder(
                    what="records of the listener, until compaction was seen to remove them",
                    where=topics.listens(name),
                    until_ms=None,
                )
            )
            found.append(
                Remainder(
                    what="superseded values of cells and of the log index that counted them",
                    where=topics.cells(name),
                    until_ms=None,
                )
            )
        elif any(state.tombstones for state in mine):
            last = max(state.gone_at_ms for state in mine)
            found.append(
                Remainder(
                    what="tombstones, whose keys hold the pseudonym and ids of events",
                    where=topics.listens(name),
                    until_ms=last + tombstones_kept_ms,
                )
            )
    if unfinished:
        found.append(
            Remainder(
                what="the entry by which the pseudonym is left out of batches and replays",
                where=topics.erasures,
                until_ms=None,
            )
        )
    if any(state.tombstones for mine in steps.values() for state in mine):
        found.append(
            Remainder(
                what="names of tracks that no cell counts any more, until compaction takes them",
                where=topics.tracks,
                until_ms=None,
            )
        )
    found.append(
        Remainder(
            what="this erasure's request, states and certificate, which name the pseudonym; "
            "nothing connects it with an account any more",
            where=topics.erasures,
            until_ms=None,
        )
    )
    found.append(
        Remainder(
            what="releases made before, which are private by the gate; budget is not refunded",
            where=topics.releases,
            until_ms=None,
        )
    )
    return found
