"""What Prometheus is told of the music is what any question gets, and costs nothing."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from tests.privacy.made_up_gate import World, draw_heard

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.music_metrics import MusicMetrics
from sottovoce_query.ranges import Range
from sottovoce_query.rpc.count_distinct import count_distinct
from sottovoce_query.rpc.get_distribution import get_distribution


@pytest.fixture(scope="module")
def sources():
    heard = draw_heard(np.random.default_rng(6), 40, 300, 39)
    return World([heard] * 3).replica().release_all().sources()


def newest(source):
    slice_ms = source.cells.data_set.slice_ms
    end = source.gate.complete_through_ms // slice_ms * slice_ms
    return Range(end - slice_ms, end).to_message()


def test_the_figures_are_those_of_an_answer(sources):
    registry = CollectorRegistry()
    registry.register(MusicMetrics(sources))
    asked = newest(sources.of("live"))
    answer = get_distribution(
        query_pb2.GetDistributionRequest(
            data_set="live", range=asked, dimension=query_pb2.DIMENSION_GENRE
        ),
        sources,
    )
    assert answer.shares
    for share in answer.shares:
        labels = {"data_set": "live", "genre": share.name}
        told = registry.get_sample_value("sottovoce_query_slice_genre_plays", labels)
        assert told == share.plays.value
    listeners = count_distinct(
        query_pb2.CountDistinctRequest(
            data_set="live", range=asked, distinct=query_pb2.DISTINCT_LISTENERS
        ),
        sources,
    )
    told = registry.get_sample_value("sottovoce_query_slice_listeners", {"data_set": "live"})
    assert told == listeners.count.value


def test_the_names_follow_the_conventions(sources, promtool):
    registry = CollectorRegistry()
    registry.register(MusicMetrics(sources))
    page = generate_latest(registry)
    linted = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_looking_charges_nothing(sources):
    def spent():
        ledger = sources.releasing.engine.ledger
        account = ledger.account("live", ledger.frontier("live"))
        return account.standing, account.reserve

    before = spent()
    for _ in range(3):
        assert list(MusicMetrics(sources).collect())
    assert spent() == before


def test_without_a_ledger_nothing_is_told(sources):

    families = MusicMetrics(replace(sources, releasing=None)).collect()
    assert not [sample for family in families for sample in family.samples]
