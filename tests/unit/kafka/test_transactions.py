"""How long a transaction may be open."""

import pytest

from sottovoce.kafka import KafkaSettings, TransactionalWriter, transactions
from sottovoce_consumer.running import TRANSACTION_TIMEOUT_MS


class SilentProducer:
    made: dict

    def __init__(self, config):
        type(self).made = config

    def init_transactions(self, timeout):
        pass


@pytest.mark.parametrize(("told", "expected"), [({}, 10_000), ({"transaction_timeout_ms": 7}, 7)])
def test_it_is_what_the_caller_says(told, expected, monkeypatch):
    monkeypatch.setattr(transactions, "Producer", SilentProducer)
    TransactionalWriter(KafkaSettings(), "writer-0", **told)
    assert SilentProducer.made["transaction.timeout.ms"] == expected


def test_the_consumer_s_is_longer_than_a_commit_may_take():
    assert 30_000 < TRANSACTION_TIMEOUT_MS < 60_000  # and readers wait for 60 s at start
