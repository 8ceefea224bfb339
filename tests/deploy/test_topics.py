"""The topics and rights of the mode strimzi are those that the services need."""

from __future__ import annotations

import pytest
from tests.deploy.conftest import PRESETS, documents

from sottovoce.data_sets import PROFILES
from sottovoce.data_sets.topic_settings import topic_specs
from sottovoce.kafka import Topics


def of_kind(found, kind):
    return [each for each in found if each["kind"] == kind]


def as_kafka_has_it(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("profile", ["standard", "demo"])
def test_the_topics_are_those_that_the_command_makes(helm4, profile):
    found = documents(
        helm4,
        *PRESETS["production"],
        *("--set", f"topics.profile={profile}"),
        *("--set", "kafka.topicPrefix=a."),
    )
    there = {
        each["spec"]["topicName"]: (
            each["spec"]["partitions"],
            {name: as_kafka_has_it(value) for name, value in each["spec"]["config"].items()},
        )
        for each in of_kind(found, "KafkaTopic")
    }
    shards = 16
    data_sets = list(PROFILES[profile].values())
    wanted = {
        spec.name: (
            shards if spec.partitions > 1 else 1,
            {**spec.config, "min.insync.replicas": "2"},
        )
        for spec in topic_specs(Topics("a."), data_sets, brisk=profile == "demo")
    }
    assert there == wanted


def test_nobody_but_the_producer_reads_the_vault_and_rights_are_for_topics_that_are_there(helm4):
    found = documents(helm4, *PRESETS["production"])
    topics = {each["spec"]["topicName"] for each in of_kind(found, "KafkaTopic")}
    readers, users = set(), of_kind(found, "KafkaUser")
    for user in users:
        for rule in user["spec"]["authorization"]["acls"]:
            resource = rule["resource"]
            assert set(rule["operations"]).isdisjoint({"All", "Delete", "Alter", "ClusterAction"})
            if resource["type"] == "topic":
                assert resource["patternType"] == "literal"
                assert resource["name"] in topics
                if resource["name"] == "vault" and "Read" in rule["operations"]:
                    readers.add(user["metadata"]["name"])
    assert len(users) == 4
    assert readers == {"sv-sottovoce-producer"}
