"""Looking up where logs begin and end, when the broker does not help."""

from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaError, KafkaException

from sottovoce.kafka import KafkaSettings
from sottovoce.kafka.errors import MissingTopicError
from sottovoce.kafka.offsets import first_offsets


class GoneBroker:
    """Says that it knows no topic, then nothing more."""

    def list_offsets(self, asked, **_):
        answer = Future()
        answer.set_exception(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
        return dict.fromkeys(asked, answer)

    def list_topics(self, timeout):
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))


def test_a_broker_that_goes_away_meanwhile_is_an_error_of_the_log():
    with pytest.raises(MissingTopicError):
        first_offsets(KafkaSettings(), [("listens.live", 0)], GoneBroker())
