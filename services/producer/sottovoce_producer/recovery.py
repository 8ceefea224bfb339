"""Reading back: the state of a writer from the log, after its predecessor was fenced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sottovoce.data_sets import TermsTimeline
from sottovoce.data_sets.data_set import MINUTE_MS
from sottovoce.data_sets.registry import Registry
from sottovoce.kafka import KafkaSettings, LogReader, Topics
from sottovoce.kafka.offsets import high_watermarks, offsets_at
from sottovoce.kafka.reading import Record, as_record
from sottovoce.wire.keys import SEAL_KEY
from sottovoce.wire.listens import LISTEN_BYTES, LISTEN_KEY_BYTES, view_listens, well_formed
from sottovoce.wire.v1 import listen_pb2, producer_pb2
from sottovoce_producer.filters import Filters
from sottovoce_producer.intake import Intake
from sottovoce_producer.listeners import FOREIGN, Listeners
from sottovoce_producer.records import (
    RESTING_PREFIX,
    SOURCE_PREFIX,
    read_rest,
    read_slices_key,
)
from sottovoce_producer.state import WriterState
from sottovoce_producer.tracks import TrackNames

_CLOCKS_DIFFER_MS: Final = MINUTE_MS
_CHUNK: Final = 50_000


def recover(
    settings: KafkaSettings,
    registry: Registry,
    listeners: Listeners,
    filters: Filters,
    now_ms: int,
) -> WriterState:
    """Return the state that the log holds, read to its end as it stands now.

    Call it after the transactional writer was made: what a predecessor left open is waited for.

    Args:
        settings: where Kafka is.
        registry: data sets, terms, catalogues.
        listeners: none yet; filled from the vault.
        filters: which plays count.
        now_ms: the writer's clock.

    Raises:
        VaultError: an entry of the vault does not open.
        LogError: the log can't be read.
    """
    topics = Topics(settings.kafka_topic_prefix)
    for key, value in _latest(settings, topics.vault).items():
        listeners.restore(key, value)
    names = TrackNames()
    told = (topics.tracks, 0)
    told_to = high_watermarks(settings, [told])
    for key, value in _latest(settings, topics.tracks).items():
        names.restore(key, value)
    state = WriterState(
        listeners,
        names,
        {
            data_set.name: Intake(
                data_set,
                terms=_terms_reader(registry, data_set.name),
                catalogue=registry.catalogue,
                track_names=names,
                filters=filters,
            )
            for data_set in registry.data_sets.values()
        },
    )
    state.read_to |= told_to
    _restore_cursors(_latest(settings, topics.cursors), state)
    for intake in state.intakes.values():
        state.read_to |= _restore_listens(settings, topics, intake, listeners, now_ms)
    return state


def _terms_reader(registry: Registry, name: str) -> Callable[[], TermsTimeline]:
    return lambda: registry.terms(name)


def _latest(settings: KafkaSettings, topic: str) -> dict[bytes, bytes]:
    """Return the value that each key of a compacted topic has now."""
    latest: dict[bytes, bytes] = {}
    with LogReader(settings, [(topic, 0)]) as reader:
        for record in reader.to_end():
            if record.value is None:
                latest.pop(record.key, None)
            else:
                latest[record.key] = record.value
    return latest


def _restore_cursors(records: dict[bytes, bytes], state: WriterState) -> None:
    for key, value in records.items():
        if key.startswith(SOURCE_PREFIX):
            source = producer_pb2.SourceCursor.FromString(value)
            state.cursors[source.source] = source.cursor
            continue
        if key.startswith(RESTING_PREFIX):
            record_key = key.removeprefix(RESTING_PREFIX)
            if state.listeners.owns(record_key):
                state.listeners.resting.commit(record_key, read_rest(value))
            continue
        found = read_slices_key(key)
        if found is None or found[0] not in state.intakes:
            continue
        name, day, high, low = found
        number = int(state.listeners.find([high], [low])[0])
        if number != FOREIGN:
            slices = producer_pb2.ListenerSlices.FromString(value)
            state.intakes[name].bounds.restore_day(day, number, list(slices.slice_ms))


def _restore_listens(
    settings: KafkaSettings, topics: Topics, intake: Intake, listeners: Listeners, now_ms: int
) -> dict[tuple[str, int], int]:
    """Restore a data set's state; return how far its log was read."""
    topic = topics.listens(intake.data_set.name)
    pairs = [(topic, shard) for shard in range(intake.data_set.shards)]
    start: dict[tuple[str, int], int] = {}
    if intake.data_set.by_append_time:
        # A listen may have been appended before its slice by as much as it came from the future.
        since = intake.horizon_ms(now_ms) - intake.future_ms - _CLOCKS_DIFFER_MS
        start = offsets_at(settings, pairs, max(0, since))
    values: list[bytes] = []
    with LogReader(settings, pairs, start=start) as reader:
        for messages in reader.messages_to_end():
            for message in messages:
                key, value = message.key() or b"", message.value()
                if value is None:
                    continue
                if len(key) == LISTEN_KEY_BYTES and len(value) == LISTEN_BYTES:
                    values.append(value)
                else:
                    note_seal(as_record(message), intake)
            if len(values) >= _CHUNK:
                _restore_chunk(values, intake, listeners, now_ms)
                values = []
        read_to = dict(reader.positions)
    _restore_chunk(values, intake, listeners, now_ms)
    return read_to


def _restore_chunk(values: list[bytes], intake: Intake, listeners: Listeners, now_ms: int) -> None:
    listens = view_listens(b"".join(values))
    listens = listens[well_formed(listens)]
    listens = listens[listens["end_time_ms"] >= intake.horizon_ms(now_ms)]
    numbers = listeners.find(listens["listener_high"].tolist(), listens["listener_low"].tolist())
    own = numbers != FOREIGN
    intake.restore(listens[own], numbers[own])


def note_seal(record: Record, intake: Intake) -> None:
    """Learn from a record of a data set's log whether something was sealed."""
    if record.key.startswith(SEAL_KEY) and record.value is not None:
        control = listen_pb2.Control.FromString(record.value)
        intake.sealed_through_ms = max(intake.sealed_through_ms, control.seal.through_ms)
