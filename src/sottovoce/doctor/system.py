"""The running system: brokers, topics, data sets, the consumer, the query service."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import KafkaException

from sottovoce.client import Client, QueryError
from sottovoce.data_sets import DataSet
from sottovoce.data_sets.progress import complete_through, latest_progress
from sottovoce.data_sets.registry import Registry
from sottovoce.data_sets.topic_checks import TopicDescription, describe_topics, topic_differences
from sottovoce.doctor.finding import Finding, Level
from sottovoce.errors import SottovoceError
from sottovoce.kafka import KafkaSettings
from sottovoce.kafka.hanging import hanging_transactions

SAFE_COPIES: Final = 3
QUIET_MS: Final = 60_000
"""A consumer commits every second or so; after this long without a commit something is wrong."""


def examine_kafka(settings: KafkaSettings) -> Iterator[Finding]:
    """Look at brokers, topics, data sets and the consumer; stops where the next needs the last."""
    try:
        brokers = settings.admin().list_topics(timeout=5).brokers
    except KafkaException as error:
        yield Finding(
            "Kafka",
            Level.FAIL,
            f"no broker answers at {settings.kafka_bootstrap} ({error.args[0].str()}): start one, "
            "or set --kafka-bootstrap; `sottovoce demo` brings its own.",
        )
        return
    answer = "answers" if len(brokers) == 1 else "answer"
    yield Finding("Kafka", Level.OK, f"{_number(len(brokers), 'broker')} {answer}.")
    try:
        topics = describe_topics(settings)
        yield from _topics(settings, topics, len(brokers))
        yield from _data_sets(settings)
        yield _transactions(settings, topics)
    except SottovoceError as error:
        yield Finding("topics", Level.FAIL, f"{error}.")


def _topics(
    settings: KafkaSettings, topics: Sequence[TopicDescription], brokers: int
) -> Iterator[Finding]:
    differences = topic_differences(settings)
    for each in differences:
        yield Finding(
            f"topic {each.topic}",
            Level.FAIL,
            f"{each.setting} is {each.found} and should be {each.wanted}: "
            + (
                "run `sottovoce topics create`."
                if each.found == "missing"
                else "alter it with Kafka's own tools."
            ),
        )
    if not differences:
        yield Finding("topics", Level.OK, f"all {len(topics)} are as they should be.")
    lone = [each.name for each in topics if each.replication < min(brokers, SAFE_COPIES)]
    if lone:
        yield Finding(
            "copies",
            Level.WARN,
            f"{_number(len(lone), 'topic')} have fewer than {min(brokers, SAFE_COPIES)} copies "
            f"though there are {brokers} brokers: a lost broker loses listens.",
        )


def _transactions(settings: KafkaSettings, topics: Sequence[TopicDescription]) -> Finding:
    hanging = hanging_transactions(settings, [log for each in topics for log in each.logs])
    if not hanging:
        return Finding("transactions", Level.OK, "none hangs.")
    ends = " and ".join(
        f"--topic {each.topic} --partition {each.partition} --start-offset {each.offset}"
        for each in hanging
    )
    since = _moment(min(each.since_ms for each in hanging))
    return Finding(
        "transactions",
        Level.FAIL,
        f"one hangs since {since}, and nobody reads past it: end it by Kafka's "
        f"`kafka-transactions.sh abort` with {ends}.",
    )


def _data_sets(settings: KafkaSettings) -> Iterator[Finding]:
    registry = Registry(settings)
    now_ms = time.time_ns() // 1_000_000
    for name, data_set in sorted(registry.data_sets.items()):
        terms = registry.terms(name).at(max(now_ms, data_set.first_ms))
        shape = (
            f"{_number(data_set.shards, 'shard')}, slices of {data_set.slice_ms // 1000:,} s, at "
            f"most {terms.listens_per_slice} listens of a listener in each"
        )
        if terms.catalogue_version:
            catalogue = f"catalogue {terms.catalogue_version[:12]}"
            yield Finding(f"data set {name}", Level.OK, f"{shape}, {catalogue}.")
        else:
            yield Finding(
                f"data set {name}",
                Level.WARN,
                f"{shape}, no catalogue, so every genre is unknown: "
                "`sottovoce catalogue import FILE --use`.",
            )
        yield _consumer(settings, data_set, now_ms)
    registry.close()


def _consumer(settings: KafkaSettings, data_set: DataSet, now_ms: int) -> Finding:
    name = f"consumer of {data_set.name}"
    progress = latest_progress(settings, data_set)
    if not progress:
        sentence = "has committed nothing yet: is sottovoce-consumer running?"
        return Finding(name, Level.WARN, sentence)
    quiet_ms = now_ms - max(each.committed_at_ms for each in progress.values())
    through = complete_through(progress, data_set)
    stands = f"complete through {_moment(through)}" if through else "complete nowhere yet"
    if data_set.by_append_time and quiet_ms > QUIET_MS:
        return Finding(
            name,
            Level.WARN,
            f"{stands}; its last commit was {quiet_ms // 1000:,} s ago: is sottovoce-consumer "
            "running? Its log says what it waits for.",
        )
    refused = sum(count.count for each in progress.values() for count in each.refused)
    admitted = sum(each.admitted for each in progress.values())
    return Finding(name, Level.OK, f"{stands}; {admitted:,} counted, {refused:,} refused.")


def examine_query(address: str, connect: Callable[[str, float], Client]) -> Iterator[Finding]:
    """Ask the query service how it is.

    Args:
        address: HOST:PORT.
        connect: returns a client of it, with a time-out in seconds.
    """
    try:
        with connect(address, 5.0) as client:
            status = client.status()
    except QueryError as error:
        yield Finding(
            "query service",
            Level.WARN,
            f"{error} `sottovoce-query` starts one, --address names another.",
        )
        return
    yield Finding(
        "query service",
        Level.OK,
        f"version {status.version} at {address}, {status.catalogue_tracks:,} tracks in its "
        "catalogue.",
    )
    if status.privacy_mode == "personal":
        yield Finding("privacy", Level.OK, "personal: exact, and for one listener alone.")
    else:
        yield Finding(
            "privacy",
            Level.OK,
            f"enforced: epsilon {status.epsilon:g} for each listener's slice, "
            f"delta {status.delta:g}.",
        )


def _number(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _moment(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
