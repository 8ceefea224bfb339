"""What must hold after any faults: the cells, the log, the ledger."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from sottovoce.data_sets.data_set import DataSet
from sottovoce.data_sets.registry import Registry
from sottovoce.data_sets.topic_settings import create_topics, topic_specs
from sottovoce.kafka import KafkaSettings, LogReader, Topics
from sottovoce.kafka.offsets import last_stable_offsets
from sottovoce.ledger.log import KafkaReleaseLog
from sottovoce.privacy import Pot
from sottovoce.wire.keys import source_key
from sottovoce.wire.listens import (
    FIRST_OF_TRACK,
    LISTEN_KEY_BYTES,
    decode_listen,
    shard_of,
)
from sottovoce.wire.v1 import producer_pb2
from sottovoce_consumer.recovery import read_views


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold.

    Attributes:
        what: in words.
        found: what was found, with figures.
        fine: whether it holds.
    """

    what: str
    found: str
    fine: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """All that a consumer made of the log.

    Attributes:
        cells: canonical bytes by data set, shard and slice.
        indexes: canonical bytes by data set, shard and block.
        totals: admitted and refused, by data set and shard.
        letters: dead letters, by key.
    """

    cells: Mapping[tuple[str, int, int], bytes]
    indexes: Mapping[tuple[str, int, int], bytes]
    totals: Mapping[tuple[str, int], tuple[object, ...]]
    letters: Mapping[bytes, bytes]


def made_in(settings: KafkaSettings) -> list[DataSet]:
    """Return the data sets as they were made."""
    registry = Registry(settings)
    try:
        return list(registry.data_sets.values())
    finally:
        registry.close()


def is_counted(settings: KafkaSettings, data_sets: list[DataSet]) -> bool:
    """Return whether every shard is counted to the end that its log had when this was called."""
    topics = Topics(settings.kafka_topic_prefix)
    refs = [(each.name, shard) for each in data_sets for shard in range(each.shards)]
    ends = last_stable_offsets(settings, [(topics.listens(name), shard) for name, shard in refs])
    views = read_views(settings, data_sets)
    return all(
        (progress := views[name, shard].progress) is not None
        and progress.next_offset >= ends[topics.listens(name), shard]
        for name, shard in refs
        if ends[topics.listens(name), shard]
    )


def counted(settings: KafkaSettings, data_sets: list[DataSet]) -> Counted:
    """Read what a consumer made of the log."""
    views = read_views(settings, data_sets)
    topics = Topics(settings.kafka_topic_prefix)
    letters: dict[bytes, bytes] = {}
    with LogReader(settings, [(topics.dead_letters, 0)]) as reader:
        for record in reader.to_end():
            if record.key in letters:
                raise AssertionError(f"the dead letter {record.key!r} stands twice")
            letters[record.key] = record.value or b""
    return Counted(
        {
            (*ref, start): cell.content().payload()
            for ref, view in views.items()
            for start, cell in view.cells.items()
        },
        {
            (*ref, block): index.payload()
            for ref, view in views.items()
            for block, index in view.index.items()
        },
        {
            ref: (
                view.progress.admitted,
                *sorted((each.refusal, each.count) for each in view.progress.refused),
            )
            for ref, view in views.items()
            if view.progress is not None
        },
        letters,
    )


def forget_cells(settings: KafkaSettings, data_sets: list[DataSet]) -> None:
    """Make the consumer's topics anew: whoever starts next counts the log from its beginning."""
    topics = Topics(settings.kafka_topic_prefix)
    names = {topics.cells(each.name) for each in data_sets} | {topics.dead_letters}
    admin = settings.admin()
    for future in admin.delete_topics(sorted(names)).values():
        future.result()
    while names & set(admin.list_topics(timeout=10).topics):
        time.sleep(0.1)
    specs = [each for each in topic_specs(topics, data_sets, brisk=True) if each.name in names]
    create_topics(admin, specs)


def compare_counted(disturbed: Counted, calm: Counted) -> list[Check]:
    """Compare what was counted under faults with what an undisturbed consumer counts."""
    checks = []
    for what, found, expected in (
        ("cells", disturbed.cells, calm.cells),
        ("log indexes", disturbed.indexes, calm.indexes),
        ("totals of shards", disturbed.totals, calm.totals),
        ("dead letters", disturbed.letters, calm.letters),
    ):
        differing = _differing(found, expected)
        checks.append(
            Check(
                f"{what} as an undisturbed consumer makes them",
                f"{len(expected):,} compared, {differing} differ",
                not differing and (bool(expected) or what == "dead letters"),
            )
        )
    return checks


def _differing(found: Mapping[Any, object], expected: Mapping[Any, object]) -> int:
    keys = found.keys() | expected.keys()
    return sum(found.get(key) != expected.get(key) for key in keys)


@dataclass(frozen=True, slots=True)
class Log:
    """A data set's listens as they stand in its log.

    Attributes:
        values: by key, in the order of each shard.
        twice: keys that stand twice.
        misplaced: listens that are not in their shard.
    """

    values: Mapping[bytes, bytes]
    twice: int
    misplaced: int


def read_log(settings: KafkaSettings, data_set: DataSet) -> Log:
    """Read a data set's listens."""
    topic = Topics(settings.kafka_topic_prefix).listens(data_set.name)
    values: dict[bytes, bytes] = {}
    twice = misplaced = 0
    shards = range(data_set.shards)
    with LogReader(settings, [(topic, shard) for shard in shards]) as reader:
        for record in reader.to_end():
            if record.value is None or len(record.key) != LISTEN_KEY_BYTES:
                continue
            twice += record.key in values
            misplaced += record.partition != shard_of(record.key[:16], data_set.shards)
            values[record.key] = record.value
    return Log(values, twice, misplaced)


def check_log(name: str, log: Log, slice_ms: int) -> list[Check]:
    """Check what must hold of every log: no listen twice, ordinals without gaps, first marks."""
    ordinals: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    tracks: dict[tuple[int, int, int], set[int]] = defaultdict(set)
    firsts: dict[tuple[int, int, int], int] = defaultdict(int)
    rows = np.concatenate([decode_listen(value) for value in log.values.values()])
    for row in rows:
        who = int(row["listener_high"]), int(row["listener_low"])
        group = (*who, int(row["end_time_ms"]) // slice_ms)
        ordinals[group].append(int(row["ordinal"]))
        tracks[group].add(int(row["track_low"]))
        firsts[group] += bool(row["flags"] & FIRST_OF_TRACK)
    gaps = sum(found != list(range(len(found))) for found in ordinals.values())
    marks = sum(firsts[group] != len(found) for group, found in tracks.items())
    return [
        Check(
            f"{name}: every listen once, in its shard",
            f"{len(log.values):,} listens, {log.twice} twice, {log.misplaced} misplaced",
            not log.twice and not log.misplaced,
        ),
        Check(
            f"{name}: ordinals without gaps, first marks true",
            f"{len(ordinals):,} listeners' slices, {gaps} with gaps, {marks} marked wrongly",
            not gaps and not marks,
        ),
    ]


def check_handed_over(settings: KafkaSettings, live: Log) -> Check:
    """Compare `live` with what the simulator says it handed over."""
    topics = Topics(settings.kafka_topic_prefix)
    made = 0
    with LogReader(settings, [(topics.cursors, 0)]) as reader:
        for record in reader.to_end():
            if record.key.startswith(source_key("simulator")) and record.value is not None:
                cursor = producer_pb2.SourceCursor.FromString(record.value)
                made = json.loads(cursor.cursor)["plays"]
    return Check(
        "live: no more listens than the simulator made",
        f"{made:,} made, {len(live.values):,} in the log; the others were too late to be sent",
        0 < len(live.values) <= made,
    )


def compare_with_truth(name: str, log: Log, folder: Path) -> Check:
    """Compare a log with the writer's own account of what it committed, written beside it."""
    truth: dict[tuple[str, str], tuple[int, int]] = {}
    rows = 0
    for path in sorted(folder.glob("[0-9]*.parquet")):
        columns = ["data_set", "listener", "event", "ordinal", "end_time_ms"]
        for row in pq.read_table(path, columns=columns).to_pylist():
            if row["data_set"] == name:
                rows += 1
                truth[row["listener"], row["event"]] = (row["ordinal"], row["end_time_ms"])
    found = {}
    for key, value in log.values.items():
        listen = decode_listen(value)[0]
        found[key[:16].hex(), key[16:].hex()] = int(listen["ordinal"]), int(listen["end_time_ms"])
    differing = _differing(found, truth)
    return Check(
        f"{name}: the listens that the writer says it wrote",
        f"{rows:,} in its truth, {differing} differ",
        rows == len(truth) > 0 and not differing,
    )


def compare_with_calm(log: Log, calm: Log, files: int) -> Check:
    """Compare an import that was disturbed with one that was not, byte by byte."""
    differing = _differing(log.values, calm.values)
    return Check(
        "history: byte by byte as an undisturbed import",
        f"{files} files, {len(calm.values):,} listens, {differing} differ",
        not differing and len(calm.values) > 0,
    )


def check_ledger(settings: KafkaSettings, names: Iterable[str]) -> Check:
    """Add up, charge by charge, what every slice paid; compare with its budget."""
    log = KafkaReleaseLog(settings, lambda *_: None)
    try:
        log.catch_up()
        paid: dict[tuple[str, int, Pot], Fraction] = defaultdict(Fraction)
        for record in log.ledger.charges():
            name = record.key.data_set
            for slice_ms in record.key.slices:
                account = log.ledger.account(name, slice_ms)
                assert account is not None, f"a charge for a slice without an account: {record}"
                price = account.budget.price(record.charge)
                assert price is not None, f"a charge that has no price: {record}"
                paid[name, slice_ms, record.pot] += price
        over = 0
        slices = {(name, slice_ms) for name, slice_ms, _ in paid if name in set(names)}
        for name, slice_ms in slices:
            account = log.ledger.account(name, slice_ms)
            assert account is not None
            budget = account.budget
            standing, reserve = (paid[name, slice_ms, pot] for pot in (Pot.STANDING, Pot.RESERVE))
            over += (
                standing > budget.standing
                or reserve > budget.reserve
                or standing + reserve + budget.overhead > budget.epsilon
            )
    finally:
        log.close()
    return Check(
        "ledger: no slice paid more than its budget",
        f"{len(log.ledger):,} charges on {len(slices)} slices, {over} over",
        bool(slices) and not over,
    )
