"""The local broker: what it promises to those who build on it."""

import os
import socket
import subprocess
import sys
import time
import uuid

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from sottovoce.local import ports
from sottovoce.local.broker import LocalBroker
from sottovoce.local.errors import BrokerFailedError, PrerequisiteError


def create(bootstrap, topic):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 1)])[topic].result(30)


def produce_in_a_transaction(bootstrap, topic, values, *, commit=True):
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": f"{topic}.writer"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value)
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def committed(bootstrap, topic, expected, timeout=120):
    """Read until as many values as expected have come, and a little longer."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": str(uuid.uuid4()),
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    values, until = [], time.monotonic() + timeout
    try:
        while time.monotonic() < until:
            message = consumer.poll(0.5)
            if message is None:
                if len(values) >= expected:
                    break
            elif not message.error():
                values.append(message.value())
    finally:
        consumer.close()
    return values


def test_what_a_transaction_commits_is_read_and_what_it_aborts_is_not(broker, topic_prefix):
    topic = f"{topic_prefix}listens"
    create(broker.bootstrap, topic)
    produce_in_a_transaction(broker.bootstrap, topic, [b"a", b"b"])
    produce_in_a_transaction(broker.bootstrap, topic, [b"lost"], commit=False)
    produce_in_a_transaction(broker.bootstrap, topic, [b"c"])
    assert committed(broker.bootstrap, topic, 3) == [b"a", b"b", b"c"]


def test_topics_are_not_made_by_accident(broker, topic_prefix):
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    assert admin.list_topics(f"{topic_prefix}nobody", timeout=10).topics.popitem()[1].error
    assert f"{topic_prefix}nobody" not in admin.list_topics(timeout=10).topics


def test_data_survive_a_kill_and_an_orderly_stop_on_the_same_port(tmp_path):
    broker = LocalBroker(tmp_path / "broker")
    with broker:
        address = broker.bootstrap
        create(address, "kept")
        produce_in_a_transaction(address, "kept", [b"a", b"b"])
        broker.kill()
        assert not broker.running
        broker.start()
        assert broker.bootstrap == address
        produce_in_a_transaction(address, "kept", [b"c"])
        broker.restart()
        assert committed(address, "kept", 3) == [b"a", b"b", b"c"]
    assert not broker.running
    assert ports.is_free(broker.port)


def test_a_busy_port_is_one_clear_sentence(tmp_path):
    with socket.socket() as server:
        server.bind((ports.LOOPBACK, 0))
        server.listen()
        busy = server.getsockname()[1]
        broker = LocalBroker(tmp_path, port=busy, port_setting="SOTTOVOCE_BROKER_PORT")
        with pytest.raises(PrerequisiteError) as raised:
            broker.start()
    assert str(raised.value).startswith(f"Port {busy} is taken")
    assert str(raised.value).endswith("set SOTTOVOCE_BROKER_PORT to another port.")


def test_a_setting_that_kafka_refuses_is_told_and_nothing_is_left_running(tmp_path):
    broker = LocalBroker(tmp_path, settings={"num.io.threads": "many"})
    with pytest.raises(BrokerFailedError, match=r"many.*num\.io\.threads"):
        broker.start()
    assert not broker.running


def test_a_second_broker_on_the_same_folder_is_refused(tmp_path):
    with LocalBroker(tmp_path) as first:
        second = LocalBroker(tmp_path)
        with pytest.raises(BrokerFailedError, match=r"^Another broker runs in "):
            second.start()
        assert first.running


STARTS_ONE = """
import sys, time
from sottovoce.local.broker import LocalBroker
print(LocalBroker(sys.argv[1]).start().port, flush=True)
time.sleep(300)
"""


def test_the_broker_ends_with_the_process_that_started_it(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", STARTS_ONE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        port = int(parent.stdout.readline())
        assert not ports.is_free(port)
        parent.kill()
    until = time.monotonic() + 60
    while not ports.is_free(port) and time.monotonic() < until:
        time.sleep(0.1)
    assert ports.is_free(port)
