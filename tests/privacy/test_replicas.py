"""Three replicas as processes on a real broker, eight clients, kills: one answer, one sum.

The ledger is read at the end by itself: what each slice paid is added up charge by charge.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from fractions import Fraction
from itertools import combinations

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tests.privacy.made_up_gate import content_of, draw_heard
from tests.privacy.real_gate import RealLog, settings_of
from tests.unit.query.crowd import make_catalogue

from sottovoce.data_sets import DataSet
from sottovoce.ledger.log import KafkaReleaseLog
from sottovoce.privacy import Pot
from sottovoce.wire.v1 import query_pb2, query_pb2_grpc

LIVE = DataSet("live", True, 6_000, 30_000, 1, clock_guard_ms=0)
SLICES, REPLICAS, CLIENTS, SECONDS, KILLS = 7, 3, 8, 15.0, 6
RETRIED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
           grpc.StatusCode.DEADLINE_EXCEEDED}  # fmt: skip


class QueryProcess:
    """A replica, started again after each kill."""

    def __init__(self, settings):
        self._environment = os.environ | {
            "SOTTOVOCE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "SOTTOVOCE_KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
            "SOTTOVOCE_QUERY_PORT": "0",
            "SOTTOVOCE_LOG_FORMAT": "json",
        }
        self.start()

    def start(self):
        self.address = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sottovoce_query.main"],
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def _read(self, process):
        for line in process.stderr:
            if '"listening"' in line and process is self._process:
                self.address = json.loads(line)["address"]

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)

    def ask(self, method, request):
        """Return what a caller sees: the answer, or why it is refused; None: nobody is there."""
        address = self.address
        if address is None:
            return None
        with grpc.insecure_channel(address) as channel:
            try:
                stub = query_pb2_grpc.QueryServiceStub(channel)
                return getattr(stub, method)(request, timeout=10).SerializeToString(
                    deterministic=True
                )
            except grpc.RpcError as error:
                if error.code() in RETRIED:
                    return None
                info = error_details_pb2.ErrorInfo()
                rpc_status.from_call(error).details[0].Unpack(info)
                return None if info.reason == "RANGE_NOT_COMPLETE" else info.reason


@pytest.fixture
def real(broker, topic_prefix):
    chance, catalogue = np.random.default_rng(10), make_catalogue()
    heard = [draw_heard(chance, 60, 400, 40, LIVE) for _ in range(SLICES)]
    cells = [lambda at, each=each: content_of(each, catalogue, at, LIVE) for each in heard]
    return RealLog(settings_of(broker, topic_prefix), cells, LIVE)


@pytest.fixture
def replicas(real):
    running = [QueryProcess(real.settings) for _ in range(REPLICAS)]
    yield running
    for each in running:
        each.kill()


def questions(real):
    """Every union of slices, by each of the three that the reserve pays, and standing figures."""
    for first, stop in combinations(range(SLICES + 1), 2):
        asked = real.range(first, stop).to_message()
        for distinct in (1, 2, 3):
            yield (
                "CountDistinct",
                query_pb2.CountDistinctRequest(data_set="live", range=asked, distinct=distinct),
            )
        yield "ListTop", query_pb2.ListTopRequest(data_set="live", range=asked, entity=1)
        yield (
            "GetSeries",
            query_pb2.GetSeriesRequest(
                data_set="live", range=asked, series=query_pb2.SeriesRef(all=query_pb2.AllPlays())
            ),
        )


class Outcomes:
    """What every caller saw, by question."""

    def __init__(self):
        self.seen = defaultdict(set)
        self.times = 0
        self._lock = threading.Lock()

    def note(self, number, outcome):
        if outcome is not None:
            with self._lock:
                self.seen[number].add(outcome)
                self.times += 1


def prices(ledger):
    """What each slice paid from each pot, charge by charge."""
    paid = defaultdict(Fraction)
    for record in ledger.charges():
        for slice_ms in record.key.slices:
            budget = ledger.account("live", slice_ms).budget
            paid[slice_ms, record.pot] += budget.price(record.charge)
    return paid


@pytest.mark.slow
def test_clients_replicas_and_kills_spend_no_more_than_the_budget_and_see_one_answer(
    real, replicas
):
    asked, outcomes, end = list(questions(real)), Outcomes(), threading.Event()
    at_once = [number for number, (name, _) in enumerate(asked) if name == "CountDistinct"][::5]

    def client(seed):
        chance = random.Random(seed)
        while not end.is_set():
            number = chance.randrange(len(asked))
            outcomes.note(number, chance.choice(replicas).ask(*asked[number]))

    def pair(member, meeting):
        """Two that ask two replicas the same, both at one instant."""
        for number in at_once:
            meeting.wait(60)
            outcomes.note(number, replicas[member].ask(*asked[number]))

    meeting = threading.Barrier(2)
    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(CLIENTS)]
    pairs = [threading.Thread(target=pair, args=(member, meeting)) for member in (0, 1)]
    while not all(each.ask(*asked[0]) for each in replicas):
        time.sleep(0.1)
    for each in (*threads, *pairs):
        each.start()
    chance = random.Random(77)
    for _ in range(KILLS):
        time.sleep(SECONDS / KILLS * chance.uniform(0.5, 1.5))
        victim = chance.choice(replicas)
        victim.kill()
        victim.start()
    for each in pairs:
        each.join(60)
    end.set()
    for each in threads:
        each.join(30)

    deadline = time.monotonic() + 60
    for replica in replicas:  # and all of it again, by everybody who is there now
        while replica.ask(*asked[0]) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        for number, question in enumerate(asked):
            outcomes.note(number, replica.ask(*question))
    assert outcomes.times > 4 * len(asked)
    assert len(outcomes.seen) == len(asked)
    assert {len(each) for each in outcomes.seen.values()} == {1}
    assert {"BUDGET_SPENT"} in outcomes.seen.values()

    log = KafkaReleaseLog(real.settings, lambda *_: None)
    log.catch_up()
    paid = prices(log.ledger)
    for slice_ms in real.starts:
        budget = log.ledger.account("live", slice_ms).budget
        standing, reserve = (paid[slice_ms, pot] for pot in Pot)
        assert 0 < reserve <= budget.reserve
        assert 0 < standing <= budget.standing
        assert standing + reserve + budget.overhead <= budget.epsilon
    log.close()
