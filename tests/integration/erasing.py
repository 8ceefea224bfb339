"""What tests of erasures on a real broker share: asking, retiring, waiting, the oracle."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import mmh3
import numpy as np
import pandas as pd
from confluent_kafka import Message, Producer
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from tests.integration.consumer_process import Place
from tests.made_up_listens import LogWithoutKafka, contents, indexes

from sottovoce.cells import ShardView
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.erasure import ErasureBook, Request
from sottovoce.erasure.log import ErasureLog
from sottovoce.erasure.pseudonyms import halves_of, pseudonym_of
from sottovoce.kafka import LogReader
from sottovoce.wire.keys import retired_key
from sottovoce.wire.listens import LISTEN_BYTES, Listens, new_listens, shard_of, view_listens
from sottovoce.wire.v1 import cell_pb2, listen_pb2
from sottovoce_consumer.admission import Admission

QUICK = {
    "segment.ms": "500",
    "min.cleanable.dirty.ratio": "0.0",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "500",
    "delete.retention.ms": "1000",
}


def compact_quickly(place: Place) -> None:
    """Let Kafka compact within seconds what an erasure has to see gone."""
    topics = [place.topics.dead_letters]
    for name in place.data_sets:
        topics += [place.topics.listens(name), place.topics.cells(name)]
    resources = [
        ConfigResource(
            ResourceType.TOPIC,
            topic,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in QUICK.items()
            ],
        )
        for topic in topics
    ]
    admin = place.settings.admin()
    for future in admin.incremental_alter_configs(resources).values():
        future.result()


def listeners_of(listens: Listens) -> list[bytes]:
    """The pseudonyms of some listens, those with most first."""
    pairs = zip(listens["listener_high"].tolist(), listens["listener_low"].tolist(), strict=True)
    return [pseudonym_of(*pair) for pair, _ in Counter(pairs).most_common()]


def retire(place: Place, pseudonyms: Iterable[bytes]) -> None:
    """Write what the writer writes when it retires listeners."""
    producer = Producer(place.settings.client_config())
    for pseudonym in pseudonyms:
        high, low = halves_of(pseudonym)
        who = listen_pb2.Retired(listener_high=high, listener_low=low, retired_at_ms=1)
        value = listen_pb2.Control(retired=who).SerializeToString()
        for name, data_set in place.data_sets.items():
            shard = shard_of(pseudonym, data_set.shards)
            producer.produce(place.topics.listens(name), value, retired_key(pseudonym), shard)
    assert producer.flush(20) == 0


def refs_of(place: Place) -> list[tuple[str, int]]:
    return [(name, shard) for name, each in place.data_sets.items() for shard in range(each.shards)]


def ask(place: Place, pseudonyms: Iterable[bytes]) -> list[Request]:
    """Ask for erasures."""
    with ErasureLog(place.settings) as log:
        return [log.request(each, refs_of(place)) for each in pseudonyms]


def read_erasures(place: Place) -> ErasureBook:
    with ErasureLog(place.settings) as log:
        return log.book


def steps(place: Place) -> set[int]:
    """The steps at which erasures stand."""
    book = read_erasures(place)
    return {book.step(erasure, refs_of(place)) for erasure in book.requests}


def until(done: Callable[[], bool], seconds: float = 300.0) -> None:
    give_up = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < give_up, "it took too long"
        time.sleep(0.2)


def is_of(message: Message, pseudonyms: Iterable[bytes]) -> bool:
    """Whether a record is a listener's: by what it says, or by its key."""
    key, value = message.key() or b"", message.value()
    if value is None:
        return False
    if key[:16] in pseudonyms or key in {retired_key(each) for each in pseudonyms}:
        return True
    if len(value) != LISTEN_BYTES:
        return False
    (listen,) = view_listens(value)
    return pseudonym_of(int(listen["listener_high"]), int(listen["listener_low"])) in pseudonyms


def never_saw(
    place: Place, name: str, logs: dict[int, list[Message]], pseudonyms: Iterable[bytes] = ()
) -> dict[int, ShardView]:
    """What a run over logs without some listeners' records makes of them, in one go."""
    data_set = place.data_sets[name]
    rules = Admission(data_set, place.terms[name])
    return {
        shard: LogWithoutKafka(
            data_set, rules, [each for each in log if not is_of(each, pseudonyms)], shard=shard
        ).run()
        for shard, log in logs.items()
    }


def logs_of(place: Place, name: str) -> dict[int, list[Message]]:
    return {shard: place.log(name, shard) for shard in range(place.data_sets[name].shards)}


def assert_equal(view: ShardView, oracle: ShardView) -> None:
    """Cells, indexes and totals, byte by byte."""
    assert contents(view) == contents(oracle)
    assert indexes(view) == indexes(oracle)
    assert totals(view) == totals(oracle)


def totals(view: ShardView) -> tuple[int, dict[int, int]]:
    progress = view.progress or cell_pb2.ShardProgress()
    return progress.admitted, {each.refusal: each.count for each in progress.refused}


def dead_letters(place: Place) -> list[cell_pb2.DeadLetter]:
    """The dead letters that are left: the last value of each key."""
    left: dict[bytes, bytes | None] = {}
    with LogReader(place.settings, [(place.topics.dead_letters, 0)]) as reader:
        for record in reader.to_end():
            left[record.key] = record.value
    return [cell_pb2.DeadLetter.FromString(value) for value in left.values() if value is not None]


def real_listens(folder: Path) -> Listens:
    """The real listening log as the listens that a writer would make of it."""
    rows = pd.read_csv(folder / "spotify_listens.csv.gz", keep_default_na=False, dtype=str)
    rows = rows.drop_duplicates().reset_index(drop=True)
    listens = new_listens(len(rows))
    ends = pd.to_datetime(rows["end_time"], utc=True).astype("datetime64[ms, UTC]").astype("int64")
    users = {user: mmh3.hash64(user, 5, signed=False) for user in rows["user_id"].unique()}
    listens["listener_high"] = [users[user][0] for user in rows["user_id"]]
    listens["listener_low"] = [users[user][1] for user in rows["user_id"]]
    tracks = [
        mmh3.hash64(f"{artist}\0{track}", 6, signed=False)
        for artist, track in zip(rows["artist_name"], rows["track_name"], strict=True)
    ]
    listens["track_high"], listens["track_low"] = np.array(tracks, np.uint64).T
    events = [mmh3.hash64("\0".join(row), 7, signed=False) for row in rows.to_numpy().tolist()]
    listens["event_high"], listens["event_low"] = np.array(events, np.uint64).T
    listens["end_time_ms"] = ends.to_numpy()
    listens["ms_played"] = rows["ms_played"].astype(int)
    days = pd.DataFrame({"user": rows["user_id"], "day": ends // DAY_MS})
    listens["ordinal"] = days.groupby(["user", "day"]).cumcount()
    return listens


def real_listeners(folder: Path, *, listeners: int = 120, each: int = 150) -> Listens:
    """Many listeners, each with a stretch of what a person of the real log has played.

    Stretches overlap, so that listeners share days and tracks; the listens come in no order.
    """
    listens = real_listens(folder)
    people = listeners_of(listens)
    highs = {halves_of(person)[0]: number for number, person in enumerate(people)}
    whose = np.array([highs[high] for high in listens["listener_high"].tolist()])
    stretches = []
    for number in range(listeners):
        mine = listens[whose == number % len(people)]
        first = each * (number // len(people) % 4)
        mine = mine[first : first + each].copy()
        high, low = mmh3.hash64(f"listener {number}", 8, signed=False)
        mine["listener_high"], mine["listener_low"] = high, low
        mine["event_high"] ^= np.uint64(high)
        days = pd.Series(mine["end_time_ms"] // np.uint64(DAY_MS))
        mine["ordinal"] = days.groupby(days).cumcount()
        stretches.append(mine)
    found = np.concatenate(stretches)
    return found[np.random.default_rng(9).permutation(len(found))]
