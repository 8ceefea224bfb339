"""Topics as they are, compared with what they should be."""

from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaError, KafkaException

from sottovoce.data_sets.topic_settings import TopicDifference, TopicSpec, compare_topics
from sottovoce.kafka.errors import LogError


class Described:
    """Metadata of topics without partitions."""

    def __init__(self, names):
        self.topics = dict.fromkeys(names, self)
        self.partitions = {}


class ForbiddingAdmin:
    """Lists topics, tells nothing about them."""

    def __init__(self, *names):
        self.names = names

    def list_topics(self, timeout):
        return Described(self.names)

    def describe_configs(self, resources, request_timeout):
        answer = Future()
        answer.set_exception(KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)))
        return dict.fromkeys(resources, answer)


def test_a_missing_topic_is_a_difference_and_needs_no_description():
    found = compare_topics(ForbiddingAdmin(), [TopicSpec("vault")])
    assert found == [TopicDifference("vault", "topic", "there", "missing")]


def test_a_broker_that_does_not_tell_is_an_error_with_its_reason():
    with pytest.raises(LogError, match="can't be compared"):
        compare_topics(ForbiddingAdmin("vault"), [TopicSpec("vault")])
