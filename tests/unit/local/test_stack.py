import dataclasses
import fcntl
import socket

import pytest

from sottovoce.local.errors import LocalError, PrerequisiteError
from sottovoce.local.settings import StackPorts, StackSettings
from sottovoce.local.stack import Stack


def test_free_ports_are_distinct_and_free():
    ports = StackPorts.free()
    ports.require_free()
    chosen = [getattr(ports, name) for name in StackPorts.__dataclass_fields__]
    assert len(set(chosen)) == len(chosen)


def test_a_busy_port_is_one_sentence_that_names_the_option(tmp_path):
    ports = StackPorts.free()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports.consumer_metrics))
        taken.listen()
        with pytest.raises(PrerequisiteError, match="--consumer-metrics-port") as error:
            Stack(StackSettings(tmp_path / "demo", ports)).__enter__()
    assert str(ports.consumer_metrics) in str(error.value)
    assert not (tmp_path / "demo").exists()


def test_two_services_on_one_port_are_one_sentence_that_names_both():
    ports = StackPorts.free()
    twice = dataclasses.replace(ports, query=ports.kafka)
    with pytest.raises(PrerequisiteError, match="--kafka-port and --query-port are both"):
        twice.require_free()


def command(child):
    return " ".join(child._command)


def test_a_demo_hands_its_epsilon_to_the_query_service(tmp_path):
    stack = Stack(StackSettings(tmp_path, StackPorts.free(), epsilon=2.5))
    assert "--privacy-epsilon=2.5" in command(stack.query)
    assert "--privacy-mode" not in command(stack.query)
    assert "--simulator-rate=300.0" in command(stack.producer)


def test_in_a_personal_demo_nobody_is_made_up_and_answers_are_exact(tmp_path):
    stack = Stack(StackSettings(tmp_path, StackPorts.free(), personal=True))
    assert "--privacy-mode=personal" in command(stack.query)
    assert "--simulator" not in command(stack.producer)


def test_a_folder_that_a_demo_runs_in_is_left_alone(tmp_path):
    (tmp_path / "broker").mkdir()
    with (tmp_path / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(LocalError, match="another demo runs in"):
            Stack(StackSettings(tmp_path, StackPorts.free())).__enter__()
    assert (tmp_path / "broker").exists()
