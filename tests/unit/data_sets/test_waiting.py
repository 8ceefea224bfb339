"""Waiting for topics and data sets, with a clock of one's own."""

from __future__ import annotations

import pytest

from sottovoce.data_sets import Terms, TermsTimeline, waiting
from sottovoce.kafka.errors import MissingTopicError, UnreachableBrokerError


class Cluster:
    """What is found at each look: an error, or the version of each terms of live."""

    kafka_bootstrap = "kafka:9092"

    def __init__(self, *looks):
        self.looks = list(looks)
        self.now = 0.0
        self.closed = 0

    def require_broker(self, timeout):
        if self.looks[0] is UnreachableBrokerError:
            self.looks.pop(0)
            raise UnreachableBrokerError("no Kafka broker answers")

    def registry(self, _):
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if found is MissingTopicError:
            raise MissingTopicError("a topic is missing (catalogues)")
        self.versions = found
        return self

    data_sets = {"live": None, "history": None}  # noqa: RUF012

    def terms(self, name):
        return TermsTimeline(
            name, [Terms(name, at, version) for at, version in enumerate(self.versions)]
        )

    def close(self):
        self.closed += 1

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def wait(monkeypatch):
    def run(cluster, **options):
        monkeypatch.setattr(waiting, "Registry", cluster.registry)
        return waiting.wait_for_data_sets(
            cluster, clock=cluster.clock, sleep=cluster.sleep, **options
        )

    return run


def test_what_is_there_is_not_waited_for(wait):
    cluster = Cluster([""])
    assert wait(cluster) == ["history", "live"]
    assert cluster.now == 0.0
    assert cluster.closed == 1


def test_a_broker_and_topics_that_come_later_are_waited_for(wait):
    cluster = Cluster(UnreachableBrokerError, MissingTopicError, [""])
    assert wait(cluster) == ["history", "live"]
    assert cluster.now == 2.0


def test_a_catalogue_counts_once_it_is_pinned_for_slices_to_come(wait):
    cluster = Cluster([""], ["", ""], ["", "1234"])
    assert wait(cluster, catalogue=True) == ["history", "live"]
    assert cluster.closed == 3


def test_after_its_time_it_says_what_was_missing(wait):
    with pytest.raises(MissingTopicError, match="after 30 s: a topic is missing"):
        wait(Cluster(MissingTopicError), timeout=30.0)
    with pytest.raises(MissingTopicError, match="after 30 s: live is pinned to no catalogue yet"):
        wait(Cluster([""]), catalogue=True, timeout=30.0)
