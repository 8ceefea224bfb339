"""Publishing a version of the catalogue: all of it in one transaction, or nothing."""

from __future__ import annotations

import time

from sottovoce.catalogue import Catalogue, CatalogueError, to_parts
from sottovoce.data_sets.registry import Registry
from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.topics import Topics
from sottovoce.kafka.transactions import TransactionalWriter
from sottovoce.wire import keys
from sottovoce.wire.v1 import data_set_pb2

ADMINISTRATOR = "administrator"
"""The transactional id of what an operator writes; a second operator fences the first."""


def publish_catalogue(settings: KafkaSettings, catalogue: Catalogue, file_name: str) -> bool:
    """Write a catalogue to the topic `catalogues`, its version record behind its parts.

    Args:
        settings: where Kafka is.
        catalogue: what to publish.
        file_name: the name that it came under, without a folder.

    Returns:
        Whether it was written; a version that is there stays as it is.
    """
    writer = TransactionalWriter(settings, ADMINISTRATOR)
    registry = Registry(settings)
    there = {each.version for each in registry.versions}
    registry.close()
    if catalogue.version in there:
        return False
    topic = Topics(settings.kafka_topic_prefix).catalogues
    parts = to_parts(catalogue)
    with writer.transaction():
        for number, data in enumerate(parts):
            part = data_set_pb2.CataloguePart(
                version=catalogue.version, part=number, parts=len(parts), parquet=data
            )
            key = keys.catalogue_key(catalogue.version, number)
            writer.produce(topic, key, part.SerializeToString())
        version = data_set_pb2.CatalogueVersion(
            version=catalogue.version,
            parts=len(parts),
            tracks=len(catalogue),
            imported_at_ms=time.time_ns() // 1_000_000,
            file_name=file_name,
        )
        writer.produce(topic, keys.catalogue_key(catalogue.version), version.SerializeToString())
    return True


def find_version(registry: Registry, told: str) -> str:
    """Return the whole name of a version of the catalogue.

    Args:
        registry: what there is.
        told: a version, its unambiguous beginning, or `latest` for the last one imported.

    Raises:
        CatalogueError: there is none, or more than one.
    """
    versions = [each.version for each in registry.versions]
    if not versions:
        raise CatalogueError("no catalogue was imported yet: run `sottovoce catalogue import FILE`")
    if told == "latest":
        return versions[-1]
    found = [version for version in versions if version.startswith(told)]
    if len(found) == 1 and told:
        return found[0]
    what = "several catalogues begin with" if found and told else "no catalogue begins with"
    raise CatalogueError(f"{what} {told!r}: `sottovoce catalogue list` names those there are")
