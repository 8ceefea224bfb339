"""What stands in the log after a producer wrote, and producers to write it."""

import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np

from sottovoce.kafka import LogReader, Topics
from sottovoce.wire.listens import (
    LISTEN_DTYPE,
    LISTEN_KEY_BYTES,
    decode_listen,
    listen_keys,
    shard_of,
)
from sottovoce_producer.plays import PlayRow, Plays
from sottovoce_producer.settings import WriterSettings
from sottovoce_producer.writer import Batch


@dataclass(frozen=True)
class Written:
    """A data set's log: values by key, in order, and the shard of each."""

    values: dict[bytes, bytes]
    shards: dict[bytes, int]
    records: int

    @property
    def listens(self):
        if not self.values:
            return np.empty(0, LISTEN_DTYPE)
        return np.concatenate([decode_listen(value) for value in self.values.values()])


def read_log(settings, data_set, shards):
    topic = Topics(settings.kafka_topic_prefix).listens(data_set)
    values, where, records = {}, {}, 0
    with LogReader(settings, [(topic, shard) for shard in range(shards)]) as reader:
        for record in reader.to_end():
            if record.value is not None and len(record.key) == LISTEN_KEY_BYTES:
                records += 1
                values[record.key] = record.value
                where[record.key] = record.partition
    return Written(values, where, records)


def check_log(written, slice_ms, shards):
    """Check what must hold of every log: keys, shards, ordinals without gaps, firsts."""
    assert written.records == len(written.values), "a listen stands twice"
    listens = written.listens
    assert listen_keys(listens) == list(written.values)
    for key, shard in written.shards.items():
        assert shard == shard_of(key[:16], shards)
    ordinals, tracks, firsts = {}, {}, {}
    for row in listens:
        group = (int(row["listener_high"]), int(row["end_time_ms"]) // slice_ms)
        ordinals.setdefault(group, []).append(int(row["ordinal"]))
        tracks.setdefault(group, set()).add(int(row["track_low"]))
        firsts[group] = firsts.get(group, 0) + bool(row["flags"] & 4)
    for group, found in ordinals.items():
        assert found == list(range(len(found))), "ordinals have a gap or are out of order"
        assert firsts[group] == len(tracks[group])


def writer_settings(settings, **more):
    return WriterSettings(
        kafka_bootstrap=settings.kafka_bootstrap,
        kafka_topic_prefix=settings.kafka_topic_prefix,
        pseudonym_seed="tests",
        **more,
    )


def batch(rows, data_set="live", source="s", cursor=None):
    plays, malformed = Plays.from_rows(rows)
    return Batch(data_set, plays, source, cursor, len(malformed))


def row(account, title, end_time_ms, **more):
    return PlayRow(account, "", f"Artist of {title[0]}", title, "", end_time_ms, **more)


def start_producer(settings, *arguments, **options):
    environment = {
        **os.environ,
        "SOTTOVOCE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "SOTTOVOCE_KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
        "SOTTOVOCE_PSEUDONYM_SEED": "tests",
        "SOTTOVOCE_RPC_PORT": "0",
        "SOTTOVOCE_HAND_OVER": "never",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "sottovoce_producer.main", *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run_producer(settings, *arguments):
    process = start_producer(settings, *arguments)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err
