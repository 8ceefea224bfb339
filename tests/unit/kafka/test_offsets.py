"""Looking up where logs begin and end, when the broker does not help."""

from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from sottovoce.kafka import KafkaSettings
from sottovoce.kafka.errors import MissingTopicError
from sottovoce.kafka.offsets import OffsetsClient, first_offsets


class GoneBroker:
    """Says that it knows no topic, then nothing more."""

    def offsets_for_times(self, asked, timeout):
        raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))

    def list_topics(self, timeout):
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))


def test_a_broker_that_goes_away_meanwhile_is_an_error_of_the_log(monkeypatch):
    monkeypatch.setattr(OffsetsClient, "_client", lambda *_: GoneBroker())
    settings = KafkaSettings()
    with pytest.raises(MissingTopicError):
        first_offsets(settings, [("listens.live", 0)], OffsetsClient(settings))


class RestartedBroker:
    """Says that its clients' epoch is over until they have looked who leads now."""

    def __init__(self):
        self.looked = False

    def offsets_for_times(self, asked, timeout):
        if not self.looked:
            raise KafkaException(KafkaError(KafkaError.FENCED_LEADER_EPOCH))
        return [TopicPartition(each.topic, each.partition, 7) for each in asked]

    def list_topics(self, timeout):
        self.looked = True
        return SimpleNamespace(topics={"listens.live": None})


def test_a_leader_of_a_new_epoch_is_asked_again(monkeypatch):
    broker = RestartedBroker()
    monkeypatch.setattr(OffsetsClient, "_client", lambda *_: broker)
    settings = KafkaSettings()
    found = first_offsets(settings, [("listens.live", 0)], OffsetsClient(settings))
    assert found == {("listens.live", 0): 7}
    assert broker.looked
