"""Who writes: the running producer, or this process."""

import socket

import pytest

from sottovoce.client.settings import CallerSettings
from sottovoce.local import ports
from sottovoce_producer import hand_over
from sottovoce_producer.errors import ProducerError
from sottovoce_producer.hand_over import RunningProducer


def test_where_nothing_listens_no_producer_runs():
    running = RunningProducer(f"127.0.0.1:{ports.free_port()}", CallerSettings())
    assert not running.answers()
    running.close()


def test_a_producer_that_may_only_be_busy_is_not_taken_for_none(monkeypatch):
    monkeypatch.setattr(hand_over, "_ANSWERS_WITHIN_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        running = RunningProducer(f"127.0.0.1:{silent.getsockname()[1]}", CallerSettings())
        with pytest.raises(ProducerError, match="it is busy, so try again"):
            running.answers()
        running.close()
