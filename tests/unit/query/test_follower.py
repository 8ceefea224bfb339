"""The materialiser's thread: what it tells the process, and when."""

from __future__ import annotations

import pytest

from sottovoce.kafka.errors import UnreachableBrokerError
from sottovoce_query.main import Follower
from sottovoce_query.settings import QuerySettings


class Process:
    """Notes what it is told."""

    releases = None

    def __init__(self):
        self.told = []

    def changed(self):
        self.told.append("changed")

    def materialises(self, _):
        self.told.append("figures")

    def ready(self, _):
        self.told.append("ready")

    def failed(self):
        self.told.append("failed")


@pytest.fixture
def process(monkeypatch):
    process = Process()

    class Log:
        def __init__(self, *_):
            pass

        def catch_up(self):
            process.told.append("caught up")

        def follow(self, _):
            process.told.append("followed")

        def close(self):
            process.told.append("closed")

    monkeypatch.setattr("sottovoce_query.main.Materialiser", Log)
    monkeypatch.setattr(QuerySettings, "require_broker", lambda _: None)
    return process


def test_figures_are_there_while_the_log_is_read_not_only_behind_it(process):
    Follower(QuerySettings(), process).run()
    assert process.told == ["figures", "caught up", "ready", "followed", "closed"]


def test_a_log_that_cannot_be_read_ends_the_process_with_the_reason(process, monkeypatch):
    def nobody(_):
        raise UnreachableBrokerError("no broker")

    monkeypatch.setattr(QuerySettings, "require_broker", nobody)
    follower = Follower(QuerySettings(), process)
    follower.run()
    assert process.told == ["failed"]
    assert str(follower.error) == "no broker"
