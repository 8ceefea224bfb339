"""The users of the mode strimzi: each service does all its work with its own rights and no other.

The KafkaTopics and KafkaUsers that the chart renders are applied to a real broker, which lets in
who shows a certificate and allows what a rule allows. Then the services run, each as its own user.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from tests.deploy.conftest import PRESETS, documents, tool
from tests.integration.consumer_process import Place
from tests.integration.erasing import compact_quickly
from tests.integration.guarded_broker import GuardedBroker
from tests.integration.whole_way import WholeWay, wait_until

from sottovoce.client import TimeRange
from sottovoce.data_sets.registry import Registry
from sottovoce.doctor.finding import Level
from sottovoce.doctor.system import examine_kafka
from sottovoce.kafka import KafkaSettings, LogReader, Topics
from sottovoce.wire.listens import LISTEN_KEY_BYTES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PREFIX = "rights."
SHARDS = 2
NAME = "sv-sottovoce"
DAY = timedelta(days=1)
PLAYS = {"ann": ["Hers", "Shared", "Hers"], "bob": ["Shared", "His", "His too"]}


@pytest.fixture(scope="module")
def manifests():
    helm = tool("helm", "needs helm, which scripts/deploy-tools fetches")
    return documents(
        helm,
        *PRESETS["production"],
        *("--set", f"kafka.topicPrefix={PREFIX}"),
        *("--set", "topics.profile=demo"),
        *("--set", f"topics.shards={SHARDS}"),
        *("--set", "topics.replication=1"),
        *("--set", "topics.inSync=1"),
    )


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with GuardedBroker(tmp_path_factory.mktemp("guarded"), PREFIX) as running:
        yield running


@pytest.fixture(scope="module")
def rules(broker, manifests):
    broker.make_topics(manifests)
    return broker.grant(manifests)


@pytest.fixture(scope="module")
def services(broker, rules, tmp_path_factory):
    """The services by the names of their users, each with its user's certificate."""
    with contextlib.ExitStack() as ending:
        made = {}
        for name in ("admin", "producer", "consumer", "query"):
            settings = broker.user(f"{NAME}-{name}")
            made[name] = ending.enter_context(WholeWay(settings, tmp_path_factory.mktemp(name)))
        yield made


@pytest.fixture(scope="module")
def life(broker, services, made_up_data, tmp_path_factory):
    """All that the services do: topics to erasure, in the order of an installation's life."""
    folder = tmp_path_factory.mktemp("life")
    admin, consumer = services["admin"], services["consumer"]
    # The chart's Job, and what it does again at an upgrade; on a busy machine listens come late.
    create = ("topics", "create", "--profile=demo", f"--shards={SHARDS}", "--lateness=60")
    admin.administer(*create)
    admin.administer(*create)
    admin.administer("catalogue", "import", str(made_up_data / "spotify_tracks.csv"), "--use")
    for service in services.values():
        service.administer("topics", "wait", "--timeout=20")
    admin.administer("topics", "list")
    admin.administer("topics", "check")

    key = folder / "erasure.key"
    sottovoce("erase", "key", str(key))
    # Before the consumer has read the first seal, who sets the second looks for it in the log.
    long_ago = datetime.now(UTC) - 9 * DAY
    for number in range(2):
        admin.administer("seal", f"--through={long_ago + number * DAY:%Y-%m-%d}")

    counting = consumer.start_consumer("--heartbeat-seconds=0.5", "--erasure-check-seconds=0.5")
    producer = services["producer"]
    running = producer.start_producer()
    with services["query"].start_query(f"--erasure-key-file={key}") as client:
        day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - 3 * DAY
        for into in ("history", "live"):
            producer.hand_over(
                "log", str(log_of(folder, day)), "--accounts=log:", f"--into={into}", "--pace=max"
            )
        plays = sum(len(titles) for titles in PLAYS.values())

        def counted() -> bool:
            counting.require_running()
            return admitted(client) == (plays, plays)

        wait_until(counted, "all plays are counted")
        misplace_listens(producer.settings)
        admin.administer("seal", f"--through={day + DAY:%Y-%m-%d}", "--wait")
        asked = TimeRange(day, day + DAY)
        assert Level.FAIL not in {each.level for each in examine_kafka(admin.settings)}
        answer = client.genres("history", asked)
        assert client.genres("history", asked) == answer
        assert client.distinct_listeners("history", asked).count.upper > 0
        # Kafka forgets within a minute in this profile; here within seconds.
        compact_quickly(place_of(broker.super_user))
        # A producer that starts again reads what it wrote.
        running.stop(timeout=20)
        producer.start_producer()
        certificate = folder / "certificate.json"
        erase = (
            "erase",
            "request",
            "--account=log:ann",
            f"--output={certificate}",
            "--patience=120",
        )
        sottovoce(
            *erase,
            SOTTOVOCE_QUERY_ADDRESS=f"127.0.0.1:{services['query'].ports['query']}",
            SOTTOVOCE_RPC_TARGET=f"127.0.0.1:{producer.ports['producer']}",
        )
        statement = json.loads(certificate.read_text())["statement"]
        assert statement["complete"]
        assert any(shard["cells"] for shard in statement["shards"])
        consumer.administer("erasure", "verify", str(certificate), f"--public-key={key}.pub")
    return {decision: broker.uses(decision) for decision in ("Allowed", "Denied")}


def log_of(folder: Path, day: datetime) -> Path:
    """A listening log of one day."""
    lines = ["user_id,end_time,artist_name,track_name,ms_played"]
    for account, titles in PLAYS.items():
        for hour, title in enumerate(titles):
            end = day + timedelta(hours=hour + 1)
            lines.append(f"{account},{end:%Y-%m-%dT%H:%M:%SZ},Artist of {title},{title},90000")
    file = folder / "log.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def sottovoce(*arguments: str, **environment: str) -> None:
    """Run a command that knows no Kafka."""
    command = [sys.executable, "-m", "sottovoce", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def admitted(client) -> tuple[int, int]:
    status = client.status().data_sets
    return status["history"].admitted, status["live"].admitted


def place_of(settings: KafkaSettings) -> Place:
    registry = Registry(settings)
    registry.close()
    return Place(settings, registry.data_sets, {})


def misplace_listens(settings: KafkaSettings) -> None:
    """Write the listens of history into a wrong shard too: refused, each with a dead letter."""
    topic = Topics(settings.kafka_topic_prefix).listens("history")
    writing = Producer(settings.client_config())
    with LogReader(settings, [(topic, shard) for shard in range(SHARDS)]) as reader:
        for each in reader.to_end():
            if len(each.key) == LISTEN_KEY_BYTES and each.value is not None:
                writing.produce(topic, each.value, each.key, (each.partition + 1) % SHARDS)
    assert writing.flush(20) == 0


def test_nothing_that_the_services_ask_for_is_refused(life):
    assert life["Denied"] == {}


def test_every_rule_is_used(life, rules):
    used = life["Allowed"]
    assert [rule for rule in rules if not any(rule.allows(use) for use in used)] == []


def test_every_use_is_by_a_rule_for_it(life, rules):
    """No right comes along with another one."""
    used = life["Allowed"]
    assert [use for use in used if not any(rule.allows(use) for rule in rules)] == []


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("query", "listens.live"),
        ("query", "cells.live"),
        ("query", "vault"),
        ("producer", "cells.live"),
        ("producer", "charges"),
        ("producer", "erasures"),
        ("consumer", "charges"),
        ("consumer", "vault"),
        ("admin", "vault"),
        ("admin", "listens.live"),
        ("admin", "releases"),
    ],
)
def test_a_user_can_not_write_what_it_has_no_right_to(services, life, user, topic):
    refused = []
    writing = Producer(services[user].settings.client_config(message_timeout_ms=5_000))
    writing.produce(
        PREFIX + topic, b"value", b"key", 0, on_delivery=lambda *told: refused.append(told[0])
    )
    assert writing.flush(20) == 0
    assert [each.name() for each in refused] == ["TOPIC_AUTHORIZATION_FAILED"]


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("producer", "charges"),
        ("producer", "cells.live"),
        ("consumer", "vault"),
        ("consumer", "releases"),
        ("query", "listens.live"),
        ("query", "vault"),
        ("admin", "vault"),
        ("admin", "cursors"),
        ("dashboard", "releases"),
    ],
)
def test_a_user_can_not_read_what_it_has_no_right_to(broker, life, user, topic):
    settings, name = broker.user(f"{NAME}-{user}"), PREFIX + topic
    told = settings.admin().list_topics(name, timeout=20).topics[name].error
    if told is None:  # whoever may see that it is there
        reading = Consumer(settings.client_config(group_id="unused", auto_offset_reset="earliest"))
        reading.assign([TopicPartition(name, 0, 0)])
        told = reading.consume(1, 20)[0].error()
        reading.close()
    assert told.name() == "TOPIC_AUTHORIZATION_FAILED"


def test_a_writer_can_not_take_the_transactions_of_another(services, life):
    settings = services["query"].settings
    writing = Producer(settings.client_config(transactional_id=f"{PREFIX}writer-0"))
    with pytest.raises(KafkaException, match="TRANSACTIONAL_ID_AUTHORIZATION_FAILED"):
        writing.init_transactions(20)


def test_who_shows_no_certificate_is_not_let_in(broker, life):
    settings = broker.user(f"{NAME}-producer")
    stranger = settings.model_copy(update={"kafka_cert_file": None, "kafka_key_file": None})
    with pytest.raises(KafkaException):
        stranger.admin().list_topics(timeout=5)


def test_no_other_pod_is_given_a_certificate(manifests):
    users = {each["metadata"]["name"] for each in manifests if each["kind"] == "KafkaUser"}
    assert users == {f"{NAME}-{name}" for name in ("admin", "producer", "consumer", "query")}
    given = {
        each["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]: volume[
            "secret"
        ]["secretName"]
        for each in manifests
        if each["kind"] in ("Deployment", "StatefulSet", "Job")
        for volume in each["spec"]["template"]["spec"]["volumes"]
        if volume["name"] == "kafka-user"
    }
    own = {name: f"{NAME}-{name}" for name in ("admin", "producer", "consumer", "query")}
    assert given == {**own, "topics": f"{NAME}-admin"}
