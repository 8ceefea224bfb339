"""Poison and overload: what no listen is, more than can be counted, and an hour's backlog."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from benchmarks.ground import LISTENS_PER_SLICE, Ground
from benchmarks.made_up_log import MadeUpListens, batches
from benchmarks.processes import Child, weigh_session
from confluent_kafka import Producer

from chaos.judging import Check, is_counted, made_in
from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS
from sottovoce.kafka import LogReader
from sottovoce.local.metrics_page import read_metrics
from sottovoce.local.ports import free_port
from sottovoce.wire import listens as wire
from sottovoce.wire.refusals import refusal_name
from sottovoce.wire.v1 import cell_pb2
from sottovoce_consumer.recovery import read_views

SHARDS: Final = 4
HOURLY_RATE: Final = 300
"""Listens a second of the hour for which the consumer is down."""

MOST_BYTES: Final = 3 * 1024**3
"""What the consumer may take in all: its driver, Spark's JVM and the Python workers."""

_AT_ONCE: Final = 20_000
_OVERSIZED_BYTES: Final = 200_000
_OVERSIZED_IN: Final = 2_000
_PATIENCE: Final = 900.0
_SLOW: Final = {"max_listens_per_batch": "5000", "batch_interval_seconds": "0.5"}

# The share of each kind of record among the poison.
_SHARES: Final = {"": 0.1, "malformed": 0.3, "late": 0.2, "future": 0.2, "misplaced": 0.1,
                  "over_bound": 0.1}  # fmt: skip


@dataclass
class Seen:
    """What was seen of a consumer while it worked.

    Attributes:
        seconds: from its start, or that of the writing, until all was counted.
        most_bytes: the most memory that it and its children took, shared pages shared out.
        most_lag: the greatest lag that its metrics told.
        restarts: how often it ended by itself and was started again.
    """

    seconds: float = 0.0
    most_bytes: int = 0
    most_lag: float = 0.0
    restarts: int = 0


class Watched:
    """A consumer, weighed and asked for its lag all the time, started again if it ends.

    Args:
        ground: the broker.
        settings: of the consumer.
    """

    def __init__(self, ground: Ground, **settings: str) -> None:
        self.seen = Seen()
        self._began = time.monotonic()
        self._port = free_port()
        told = {"metrics_port": str(self._port), **settings}
        self._environment = {f"SOTTOVOCE_{name.upper()}": value for name, value in told.items()}
        self._ground = ground
        self._child = self._start()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._child.stop()

    def wait_ready(self) -> None:
        """Return once it counts."""
        self._child.wait_for('"counting"', _PATIENCE)

    def wait_counted(self) -> None:
        """Return when everything is counted that the log holds by then."""
        data_sets = made_in(self._ground.settings)
        while not is_counted(self._ground.settings, data_sets):
            if not self._child.running:
                self.seen.restarts += 1
                self._child = self._start()
            if time.monotonic() - self._began > _PATIENCE:
                raise TimeoutError(f"not all is counted after {_PATIENCE:.0f} s")
            time.sleep(0.3)
        self.seen.seconds = time.monotonic() - self._began

    def _start(self) -> Child:
        return Child(
            "consumer",
            ["-m", "sottovoce_consumer.main"],
            self._ground.folder,
            self._ground.environment | self._environment,
        )

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            weight = weigh_session(self._child.pid)
            self.seen.most_bytes = max(self.seen.most_bytes, weight.memory_bytes)
            page = read_metrics(self._port)
            lag = page and page.total("sottovoce_consumer_lag_records")
            self.seen.most_lag = max(self.seen.most_lag, lag or 0.0)


def main(seed: int, records: int, say: Callable[[str], None]) -> list[Check]:
    """Do all three, one after the other, on one broker."""
    checks = []
    with Ground(shards=SHARDS) as ground:
        sent: Counter[str] = Counter()
        for name, work in (
            ("poison", _poison),
            ("a producer ten times faster", _overload),
            ("down for an hour", _down_for_an_hour),
        ):
            say(f"{name}: writing and counting")
            sent_before = sent.total()
            seen = work(ground, seed, records, sent)
            told = (
                f"{sent.total() - sent_before:,} records in {seen.seconds:.1f} s, lag up to "
                f"{seen.most_lag:,.0f}, memory up to {seen.most_bytes / 1024**2:,.0f} MiB, "
                f"{seen.restarts} restarts"
            )
            checks += [
                Check(f"{name}: memory is bounded", told, seen.most_bytes < MOST_BYTES),
                Check(f"{name}: the lag is seen", told, seen.most_lag > 0),
                _check_counts(name, ground, sent),
            ]
    return checks


def _poison(ground: Ground, seed: int, records: int, sent: Counter[str]) -> Seen:
    """Write half of the poison before the consumer starts, half while it counts."""
    made = _poisoned(seed, records)
    half = records // _AT_ONCE // 2
    for batch in itertools.islice(made, half):
        _write(ground, batch, sent)
    with Watched(ground) as consumer:
        consumer.wait_ready()
        for batch in made:
            _write(ground, batch, sent)
        consumer.wait_counted()
    return consumer.seen


def _overload(ground: Ground, seed: int, records: int, sent: Counter[str]) -> Seen:
    """Write as fast as the broker takes it, with a consumer that is held back."""
    with Watched(ground, **_SLOW) as consumer:
        consumer.wait_ready()
        _write_good(ground, seed + 1, records // 5, sent)
        consumer.wait_counted()
    return consumer.seen


def _down_for_an_hour(ground: Ground, seed: int, records: int, sent: Counter[str]) -> Seen:
    """Write what an hour holds, and start the consumer only then."""
    _write_good(ground, seed + 2, min(records, HOURLY_RATE * 3_600), sent)
    with Watched(ground) as consumer:
        consumer.wait_counted()
    return consumer.seen


type Batch = list[tuple[str, int, bytes, bytes]]
"""Why a record is refused ("" where it is not), its shard, key and value."""


def _poisoned(seed: int, records: int) -> Iterator[Batch]:
    rng = np.random.default_rng(seed)
    made_up = MadeUpListens(SHARDS, seed)
    kinds = np.array(list(_SHARES))
    for first in range(0, records, _AT_ONCE):
        size = min(_AT_ONCE, records - first)
        listens, shards = made_up.draw(size, time.time_ns() // 1_000_000)
        which = rng.choice(kinds, size, p=list(_SHARES.values()))
        listens["end_time_ms"][which == "late"] -= np.uint64(HOUR_MS)
        listens["end_time_ms"][which == "future"] += np.uint64(DAY_MS)
        listens["ordinal"][which == "over_bound"] = LISTENS_PER_SLICE
        shards = np.where(which == "misplaced", (shards + 1) % SHARDS, shards)
        plain = listens.tobytes()
        batch: Batch = []
        for row, (kind, shard, key) in enumerate(
            zip(which.tolist(), shards.tolist(), wire.listen_keys(listens), strict=True)
        ):
            value = plain[row * wire.LISTEN_BYTES : (row + 1) * wire.LISTEN_BYTES]
            if kind == "malformed":
                oversized = (first + row) % _OVERSIZED_IN == 0
                value = rng.bytes(_OVERSIZED_BYTES if oversized else 1 + row % 200)
            batch.append((kind, shard, key, value))
        yield batch


def _write(ground: Ground, batch: Batch, sent: Counter[str]) -> None:
    producer = Producer(ground.settings.client_config(linger_ms=5, compression_type="lz4"))
    topic = ground.topics.listens("live")
    for kind, shard, key, value in batch:
        while True:
            try:
                producer.produce(topic, value, key, shard)
                break
            except BufferError:
                producer.poll(0.05)
        sent[kind] += 1
    if producer.flush(60):
        raise TimeoutError("the broker did not take the records in 60 s")


def _write_good(ground: Ground, seed: int, records: int, sent: Counter[str]) -> None:
    step = wire.LISTEN_BYTES
    for keys, values, shards in batches(MadeUpListens(SHARDS, seed), records):
        _write(
            ground,
            [
                ("", shard, key, values[at * step : (at + 1) * step])
                for at, (key, shard) in enumerate(zip(keys, shards, strict=True))
            ],
            sent,
        )


def _check_counts(name: str, ground: Ground, sent: Counter[str]) -> Check:
    """Compare what was sent with what was admitted, refused, and has its dead letter."""
    found: Counter[str] = Counter()
    for view in read_views(ground.settings, made_in(ground.settings)).values():
        if view.progress is not None:
            found[""] += view.progress.admitted
            for each in view.progress.refused:
                found[refusal_name(each.refusal)] += each.count
    letters: Counter[str] = Counter({"": found[""]})
    keys = set()
    with LogReader(ground.settings, [(ground.topics.dead_letters, 0)]) as reader:
        for record in reader.to_end():
            keys.add(record.key)
            letter = cell_pb2.DeadLetter.FromString(record.value or b"")
            letters[refusal_name(letter.refusal)] += 1
    told = ", ".join(f"{kind or 'admitted'} {count:,}" for kind, count in sorted(found.items()))
    return Check(
        f"{name}: nothing is lost, and each refused record has its dead letter",
        f"{told}; {len(keys):,} dead letters",
        +found == +sent == +letters and len(keys) == sent.total() - sent[""],
    )
