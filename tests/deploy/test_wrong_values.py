"""Each wrong value fails before anything is installed, with a sentence that names it."""

from __future__ import annotations

import pytest
from tests.deploy.conftest import CHART, PRESETS, template

WRONG = {
    "kafka.mode=zookeeper": ("kafka.mode", "must be one of"),
    "kafka.mode=external": ("kafka.external.bootstrap is empty", "give Kafka's addresses"),
    "kafka.mode=external,kafka.external.bootstrap=kafka": (
        "kafka.external.bootstrap is kafka",
        "HOST:PORT",
    ),
    "kafka.mode=external,kafka.external.bootstrap=kafka:9093": (
        "kafka.external.saslSecret is empty",
        "username and password",
    ),
    "topics.replication=3": ("topics.replication is 3", "one broker"),
    "topics.inSync=2": ("topics.inSync is 2", "nothing could ever be written"),
    "topics.shards=0": ("topics.shards is 0", "1 to 1024"),
    "topics.profile=fast": ("topics.profile", "must be one of"),
    "privacy.epsilon=0": ("privacy.epsilon is 0", "above 0"),
    "privacy.delta=0.1": ("privacy.delta is 0.1", "at most 1e-5"),
    "producer.writers=0": ("producer.writers is 0", "at least one"),
    "producer.writers=many": ("producer.writers", "integer", "string"),
    "producer.simulator.rate=-1": ("producer.simulator.rate is -1", "plays a second"),
    "consumer.executors.instances=-2": ("consumer.executors.instances is -2", "can be 0"),
    "consumer.terminationGracePeriodSeconds=5": (
        "consumer.terminationGracePeriodSeconds is 5",
        "committed first",
    ),
    "query.replicas=0": ("query.replicas is 0", "at least one"),
    "query.drainSeconds=40": ("query.terminationGracePeriodSeconds is 45", "up to 60 s"),
    "images.tag=latest": ("images.tag is latest", "name a version"),
    "access.existingSecret=callers": ("access.tokensSecret is empty", "callers"),
    "dashboard.ingress.enabled=true": ("dashboard.ingress.host is empty", "the name that"),
    "monitoring.podMonitors=perhaps": ("monitoring.podMonitors", "must be one of"),
    "querry.replicas=2": ("querry", "not allowed"),
}
"""What is set, and what the message must say: the value's name, and what is wrong or what to do."""


@pytest.mark.parametrize("given", WRONG)
def test_a_wrong_value_is_a_sentence_that_names_it(helm, given):
    done = template(helm, "--set", given)
    assert done.returncode != 0
    told = done.stderr.replace("/", ".")  # Helm 4 writes kafka.mode as /kafka/mode
    for said in WRONG[given]:
        assert said in told


@pytest.mark.parametrize(
    ("options", "lacks", "said"),
    [
        (PRESETS["production"], "kafka.strimzi.io/v1/Kafka", "kafka.mode is strimzi"),
        (
            ("--set", "monitoring.podMonitors=true"),
            "monitoring.coreos.com/v1/PodMonitor",
            "monitoring.podMonitors is true",
        ),
        (
            ("--set", "monitoring.rules=true"),
            "monitoring.coreos.com/v1/PrometheusRule",
            "monitoring.rules is true",
        ),
    ],
)
def test_a_mode_whose_resources_the_cluster_lacks_says_so(helm, options, lacks, said):
    done = template(helm, *options, known=())
    assert done.returncode != 0
    assert said in done.stderr
    assert lacks.rpartition("/")[0] in done.stderr


def test_the_list_is_long_enough():
    assert len(WRONG) >= 20
    assert (CHART / "values.schema.json").is_file()
