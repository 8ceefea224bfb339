import socket
from importlib import metadata

import pytest
from typer.testing import CliRunner

from sottovoce.cli.program import program
from sottovoce.client.settings import CallerSettings
from sottovoce.data_sets.topic_checks import TopicDescription
from sottovoce.doctor import Level, examine_kafka, examine_machine, examine_query, system
from sottovoce.kafka import KafkaSettings
from sottovoce.kafka.hanging import HangingTransaction
from sottovoce.local import prerequisites
from sottovoce.local.prerequisites import Prerequisite
from sottovoce.local.settings import StackPorts


def by_name(findings):
    return {each.name: each for each in findings}


def test_a_machine_is_looked_at_whole(tmp_path):
    found = by_name(examine_machine(tmp_path))
    assert {"Python", "Java", "disk", "libraries", "Kafka's jars"} <= set(found)
    assert found["Python"].level is Level.OK


def test_a_prerequisite_that_is_not_met_fails_with_its_sentence(tmp_path, monkeypatch):
    missing = Prerequisite("Java", False, "No Java found: install it.")
    monkeypatch.setattr(prerequisites, "java", lambda: missing)
    java = by_name(examine_machine(tmp_path))["Java"]
    assert (java.level, java.sentence) == (Level.FAIL, "No Java found: install it.")


def test_a_missing_library_names_the_extra_that_brings_it(tmp_path):
    def version(name):
        if name in {"pyspark", "numpy"}:
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    found = by_name(examine_machine(tmp_path, version=version))
    assert found["library pyspark"].level is Level.WARN
    assert "pip install 'sottovoce[consumer]'" in found["library pyspark"].sentence
    assert found["library numpy"].level is Level.FAIL


def test_a_busy_port_of_the_demo_is_a_warning_that_names_its_option(tmp_path):
    with socket.socket() as taken:
        try:
            taken.bind(("127.0.0.1", StackPorts().query_metrics))
        except OSError:
            pytest.skip("somebody else uses the demo's port")
        taken.listen()
        port = by_name(examine_machine(tmp_path))[f"port {StackPorts().query_metrics}"]
    assert port.level is Level.WARN
    assert "--query-metrics-port" in port.sentence


def test_without_a_broker_nothing_of_kafka_is_looked_at_further():
    [found] = examine_kafka(KafkaSettings(kafka_bootstrap="127.0.0.1:1"))
    assert found.level is Level.FAIL
    assert "no broker answers at 127.0.0.1:1" in found.sentence


def test_a_query_service_that_is_not_there_is_a_warning():
    [found] = examine_query("127.0.0.1:1", CallerSettings().client)
    assert found.level is Level.WARN
    assert "sottovoce-query" in found.sentence


def test_the_command_exits_1_where_something_fails_and_speaks_json():
    told = ["--kafka-bootstrap", "127.0.0.1:1", "--address", "127.0.0.1:1", "--format", "json"]
    result = CliRunner().invoke(program, ["doctor", *told])
    assert result.exit_code == 1
    assert '"level": "fail"' in result.stdout


def test_a_transaction_that_hangs_fails_with_what_ends_it(monkeypatch):
    listens = TopicDescription("listens.live", 4, 1, "compact", -1, 0)
    hanging = [HangingTransaction("listens.live", 2, 9660, 1_796_064_861_404)]
    asked = []
    settings = KafkaSettings(kafka_bootstrap="unused:1")
    monkeypatch.setattr(
        system, "hanging_transactions", lambda _, logs: asked.extend(logs) or hanging
    )
    finding = system._transactions(settings, [listens])
    assert asked == [("listens.live", partition) for partition in range(4)]
    assert finding.level is Level.FAIL
    assert "since 2026-11-30 18:54:21 UTC" in finding.sentence
    assert "--topic listens.live --partition 2 --start-offset 9660" in finding.sentence
    hanging.clear()
    assert system._transactions(settings, [listens]).level is Level.OK
