"""Heartbeats while the broker does not take them."""

import threading

from confluent_kafka import KafkaError, KafkaException

from sottovoce.data_sets import PROFILES
from sottovoce.kafka import KafkaSettings
from sottovoce_consumer.heartbeats import Heartbeats
from sottovoce_consumer.metrics import ConsumerMetrics


class RefusingProducer:
    """Takes nothing, as librdkafka does while it knows no such partition."""

    def __init__(self, enough):
        self.enough = enough
        self.asked = 0

    def produce(self, *_, **__):
        self.asked += 1
        if self.asked > 10:
            self.enough.set()
        raise KafkaException(KafkaError(KafkaError._UNKNOWN_PARTITION))

    def poll(self, _):
        return 0

    def flush(self, _):
        return 0


def test_heartbeats_outlive_what_the_broker_does_and_count_it():
    metrics, enough = ConsumerMetrics(), threading.Event()
    live = PROFILES["demo"]["live"]
    heartbeats = Heartbeats(KafkaSettings(), [live], seconds=0.001, metrics=metrics)
    heartbeats._producer = RefusingProducer(enough)
    heartbeats.start()
    went_on = enough.wait(5)
    heartbeats.stop()
    assert went_on
    failed = metrics.registry.get_sample_value("sottovoce_consumer_heartbeats_failed_total")
    assert failed == heartbeats._producer.asked
