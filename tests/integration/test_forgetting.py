"""Forgetting by the producer's own door and by its command, on a real broker."""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path

import grpc
import pytest
from prometheus_client import CollectorRegistry

from sottovoce.client.settings import CallerSettings
from sottovoce.data_sets import PROFILES, Terms
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.kafka import KafkaSettings, LogReader, Topics
from sottovoce.wire.v1 import producer_pb2, producer_pb2_grpc
from sottovoce_producer.assembly import assemble
from sottovoce_producer.counts import outcomes
from sottovoce_producer.errors import ProducerError
from sottovoce_producer.hand_over import RunningProducer
from sottovoce_producer.rpc import Door
from sottovoce_producer.settings import RunSettings

sys.path.insert(0, str(Path(__file__).parent))
from producer_log import batch, row, run_producer, writer_settings

SHARDS = 3
DATA_SETS = [dataclasses.replace(each, shards=SHARDS) for each in PROFILES["standard"].values()]


@pytest.fixture
def settings(broker, topic_prefix):
    found = KafkaSettings(kafka_bootstrap=broker.bootstrap, kafka_topic_prefix=topic_prefix)
    create_data_sets(found, DATA_SETS, [Terms("live"), Terms("history")])
    return found


@pytest.fixture
def served(settings):
    """A writer behind its door, and the door's stub."""
    assembly = assemble(writer_settings(settings))
    door = Door(assembly.writer, assembly.accounts, RunSettings(rpc_port=0), CollectorRegistry())
    with grpc.insecure_channel(door.address) as channel:
        yield assembly, door, producer_pb2_grpc.ProducerServiceStub(channel)
    door.close()
    assembly.close()


def now():
    return time.time_ns() // 1_000_000


def latest(settings, topic):
    found = {}
    with LogReader(settings, [(topic, 0)]) as reader:
        for record in reader.to_end():
            found[record.key] = record.value
    return found


def test_the_door_answers_alike_for_whoever_listens_here_and_whoever_does_not(served):
    assembly, _, stub = served
    assembly.writer.write(batch([row("known", "T", now()), row("too", "T", now())]))
    resolved = [
        stub.ResolveAccount(producer_pb2.ResolveAccountRequest(account=name))
        for name in ("known", "unknown")
    ]
    assert len({each.listener_high for each in resolved}) == 2
    assert len({len(each.SerializeToString()) for each in resolved}) == 1
    answers = [
        stub.ForgetAccount(producer_pb2.ForgetAccountRequest(account=name))
        for name in ("known", "unknown", "known")
    ]
    by_pseudonym = [
        stub.ForgetListener(producer_pb2.ForgetListenerRequest(listener_high=high, listener_low=2))
        for high in (resolved[0].listener_high, 1)
    ]
    for alike in (answers, by_pseudonym):
        assert len({each.SerializeToString() for each in alike}) == 1
    until_ms = answers[0].rests_until_ms
    assert until_ms // DAY_MS > now() // DAY_MS
    stub.RestListener(
        producer_pb2.RestListenerRequest(
            listener_high=resolved[0].listener_high,
            listener_low=resolved[0].listener_low,
            after_ms=until_ms,
        )
    )
    again = stub.ForgetAccount(producer_pb2.ForgetAccountRequest(account="known"))
    assert again.rests_until_ms == until_ms + DAY_MS


def test_an_account_without_a_name_and_one_of_another_writer_are_refused(served, settings):
    _, _, stub = served
    for call, request in (
        (stub.ForgetAccount, producer_pb2.ForgetAccountRequest()),
        (stub.ResolveAccount, producer_pb2.ResolveAccountRequest()),
    ):
        with pytest.raises(grpc.RpcError) as raised:
            call(request)
        assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    half = assemble(writer_settings(settings, writers=2, writer_index=1))
    door = Door(half.writer, half.accounts, RunSettings(rpc_port=0), CollectorRegistry())
    running = RunningProducer(door.address, CallerSettings())
    try:
        errors = []
        for number in range(20):
            try:
                running.forget(f"a{number}")
            except ProducerError as error:
                errors.append(str(error))
        assert 0 < len(errors) < 20
        assert all("another writer owns this account" in each for each in errors)
    finally:
        running.close()
        door.close()
        half.close()


def test_what_is_forgotten_is_gone_from_the_vault_and_stays_so_over_a_restart(settings):
    first = assemble(writer_settings(settings))
    first.writer.write(batch([row(name, "T", now()) for name in "abc"]))
    first.writer.connect("b", b"tokens")
    first.accounts.forget("b")
    first.close()
    second = assemble(writer_settings(settings))
    vault = latest(settings, Topics(settings.kafka_topic_prefix).vault)
    listeners = second.writer.state.listeners
    assert vault[listeners.record_key("b")] is None
    assert len(listeners) == 2
    assert listeners.connections() == {}
    counts = second.writer.write(batch([row(name, "U", now()) for name in "abc"]))
    assert outcomes(counts) == {"taken": 2, "resting": 1}
    second.close()


def test_the_command_forgets_by_itself_where_no_producer_runs(settings):
    code, out, err = run_producer(settings, "forget", "somebody")
    assert code == 0, err
    assert out.startswith("'somebody' is forgotten: its plays are refused until ")
    assert out.count("\n") == 1
    assembly = assemble(writer_settings(settings))
    assert outcomes(assembly.writer.write(batch([row("somebody", "T", now())]))) == {"resting": 1}
    assembly.close()
    code, _, err = run_producer(settings, "forget")
    assert code == 2
    assert "the following arguments are required: ACCOUNT" in err
