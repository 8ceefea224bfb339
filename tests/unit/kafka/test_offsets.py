"""Looking up where logs begin and end, when the broker does not help."""

import pytest
from confluent_kafka import KafkaError, KafkaException

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
