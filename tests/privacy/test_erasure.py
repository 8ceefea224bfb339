"""Differencing before and after an erasure: it gains nothing that the budget did not give.

Whoever sees an answer before and after somebody is erased, and knows when that was, would learn
from every answer that changes. So none does: what was released stays, nothing is paid back, a
sample of real rows goes for good, and a slice that an erasure left empty looks like any other.
"""

import threading
import time

import numpy as np
import pytest
from tests.memory_erasures import rebuilt, register_of
from tests.memory_log import MemoryLog, SharedLog
from tests.privacy.made_up_gate import LIVE, START, World, content_of, draw_heard
from tests.privacy.real_gate import LIVE as REAL
from tests.privacy.real_gate import RealLog, settings_of
from tests.unit.query.conftest import book_of, hold, opened_for
from tests.unit.query.crowd import Crowd, make_catalogue

from sottovoce.erasure.log import ErasureLog
from sottovoce.kafka import Topics, TransactionalWriter
from sottovoce.wire.keys import CellKey
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.gate import Series
from sottovoce_query.held import HeldCells
from sottovoce_query.releases.desk import Desk
from sottovoce_query.releases.releasing import Releasing
from sottovoce_query.releases.shelf import Shelf
from sottovoce_query.settings import QuerySettings

ERASED = 0
ALLOWED = {"privacy_real_rows": True, "privacy_k": 5}


class Town:
    """Three slices, in two of which the erased listener was, and the topic `erasures`."""

    def __init__(self, seed=4):
        random = np.random.default_rng(seed)
        self.heard = [draw_heard(random, 40, 300, 12) for _ in range(3)]
        self.heard[2] = self.heard[2].without(ERASED)
        self.world = World(self.heard)
        self.touched = self.world.starts[:2]
        self.records = []
        self.register = register_of(self.records, [LIVE])

    def replica(self, **settings):
        return self.world.replica(**settings)

    def withdraw(self, replica):
        """What a replica does when it has read on, or has started."""
        register = register_of(self.records, [LIVE])
        return replica.releasing.withdraw(register.touched)

    def erase(self):
        """Have the consumer rebuild: cells without the listener, and the word that it is done."""
        for start_ms, heard in zip(self.world.starts, self.heard, strict=True):
            content = content_of(heard.without(ERASED), self.world.catalogue, start_ms)
            self.world.cells.replace(start_ms, [(0, content)])
        asked = self.register.request(b"\xab" * 16)
        rebuilt(self.records, asked.id, LIVE, self.touched)


def shown(replica, asked):
    """The rows of a sample, in an order of their own."""
    sample = replica.gate.sample(asked, 1_000, query_pb2.SAMPLE_KIND_REAL)
    return sorted((row.track_key, row.time_ms, row.country) for row in sample.rows)


def everything(replica):
    """Whatever an analyst may ask: the figures, as they come out."""
    gate, asked = replica.gate, replica.world.range()
    tracks = gate.tracks(asked, "plays")
    return {
        "series": gate.series(asked, Series("all"), "step").counts.tolist(),
        "listeners": gate.series(asked, Series("new_listeners"), "step").counts.tolist(),
        "genres": gate.genres(asked).counts.tolist(),
        "countries": gate.countries(asked).counts.tolist(),
        "tracks": (tracks.names.tolist(), tracks.counts.tolist()),
        "distinct": [
            gate.distinct_listeners(replica.world.range(first, stop))
            for first, stop in ((0, 1), (1, 2), (0, 2))
        ],
        "window": [gate.floor_ms, gate.complete_through_ms],
    }


def spent(replica):
    return [(name, start, account.epsilon) for name, start, account in replica.ledger.accounts()]


def test_no_figure_changes_with_an_erasure_and_none_is_paid_for_again():
    town = Town()
    replica = town.replica().release_all()
    before, paid = everything(replica), spent(replica)
    town.erase()
    assert town.withdraw(replica) == 0  # nobody has asked for real rows
    replica.release_all()
    assert everything(replica) == before
    restarted = town.replica().release_all()
    town.withdraw(restarted)
    assert everything(restarted) == before
    assert spent(replica) == spent(restarted) == paid


def test_what_is_asked_for_first_after_an_erasure_pays_as_ever():
    town = Town()
    replica = town.replica(privacy_epsilon=1.0)
    town.erase()
    paid = spent(replica)
    replica.gate.distinct_listeners(town.world.range(0, 2))
    assert spent(replica) != paid
    again = town.world.replica()
    asked = town.world.range(0, 2)
    assert again.gate.distinct_listeners(asked) == replica.gate.distinct_listeners(asked)


TRIES = 40


def estimates(refund):
    """An attacker's picture of one figure, which has one's own accounts erased again and again."""
    town = Town()
    asked = town.world.range(0, 1)
    seen = []
    shared = town.world.shared
    for _ in range(TRIES):
        if refund:  # the defence removed: the erased slice is released anew, from a full budget
            shared = SharedLog(opened_at_ms=START)
        replica = town.world.replica(shared)
        seen.append(int(replica.gate.series(asked, Series("all"), "step").counts.sum()))
        town.erase()
    truth = len(town.heard[0].without(ERASED))
    return np.array(seen), truth


def test_erasures_again_and_again_average_no_noise_away():
    seen, _ = estimates(refund=False)
    assert len(set(seen.tolist())) == 1


def test_a_gate_that_pays_budget_back_is_caught():
    """The defence removed: the mean of many draws comes close to the truth."""
    seen, truth = estimates(refund=True)
    deviation = seen.std()
    assert len(set(seen.tolist())) > TRIES / 2
    assert deviation > 20
    assert abs(seen.mean() - truth) < 4 * deviation / np.sqrt(TRIES) < deviation


def test_a_sample_that_an_erasure_touched_is_gone_at_every_replica_and_stays_gone():
    town = Town()
    first, second = town.replica(**ALLOWED).release_all(), town.replica(**ALLOWED)
    touched, other = town.world.range(0, 2), town.world.range(2, 3)
    assert shown(first, touched)
    stays = shown(first, other)
    assert stays
    second.releasing.follow()
    assert shown(second, touched) == shown(first, touched)
    paid, revisions = spent(first), [each.gate.revision for each in (first, second)]
    town.erase()
    assert town.withdraw(first) == 2
    assert town.withdraw(first) == 0
    second.releasing.follow()  # reads what the first one took back
    town.withdraw(second)
    restarted = town.replica(**ALLOWED)
    for replica in (first, second, restarted):
        assert town.withdraw(replica) == 0
        assert shown(replica, touched) == []
        assert shown(replica, other) == stays
        assert spent(replica) == paid
        sample = replica.gate.sample(touched, 10, query_pb2.SAMPLE_KIND_REAL)
        assert "2 slices were withdrawn" in sample.notice
    # Answers that are kept by their revision are asked for again.
    assert first.gate.revision > revisions[0]
    assert second.gate.revision > revisions[1]


def test_a_replica_that_lags_makes_no_sample_that_stays():
    """It has not read of the erasure, nor the clean cells: what it makes goes when it has."""
    town = Town()
    ahead, behind = town.replica(**ALLOWED), town.replica(**ALLOWED)
    asked = town.register.request(b"\xab" * 16)
    rebuilt(town.records, asked.id, LIVE, town.touched)
    town.withdraw(ahead)
    assert shown(ahead, town.world.range(0, 1)) == []
    assert shown(behind, town.world.range(0, 1))
    ahead.releasing.follow()
    assert shown(ahead, town.world.range(0, 1)) == []
    assert town.withdraw(ahead) == 1
    behind.releasing.follow()
    town.withdraw(behind)
    restarted = town.replica(**ALLOWED)
    town.withdraw(restarted)
    for replica in (behind, restarted):
        assert shown(replica, town.world.range(0, 1)) == []


def test_a_sample_does_not_outlive_the_cells_that_an_erasure_would_look_into():
    town = Town()
    replica = town.replica(**ALLOWED)
    assert shown(replica, town.world.range(0, 1))
    later = shown(replica, town.world.range(1, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HeldCells, "floor_ms", property(lambda _: town.world.starts[1]))
        assert town.withdraw(replica) == 1
        assert replica.desk.rows(town.world.starts[0], ALLOWED["privacy_k"]) is None
    assert shown(replica, town.world.range(1, 3)) == later


def test_a_sample_that_is_made_anew_is_caught(monkeypatch):
    """The defence removed: rows of a group that was just large enough vanish with its listener."""
    found = []
    for seed in range(6):
        town = Town(seed)
        replica = town.replica(**ALLOWED)
        with monkeypatch.context() as patch:
            patch.setattr(Desk, "rows", lambda self, slice_ms, k: self._rows(slice_ms, k).rows)
            before = shown(replica, town.world.range(0, 1))
            town.erase()
            after = shown(replica, town.world.range(0, 1))
        mine = town.heard[0].who == ERASED
        theirs = set(town.world.catalogue.keys[town.heard[0].songs[mine]].tolist())
        gone = {row[0] for row in before} - {row[0] for row in after}
        found += gone & theirs
    assert found  # songs that the erased listener played, told by their absence


def emptied():
    """A crowd whose first slice an erasure left empty: its cells' keys have tombstones."""
    crowd = Crowd()
    cells = hold(crowd)
    for shard, key, _ in crowd.records():
        if key != b"p" and CellKey.from_bytes(key).at == crowd.start_ms:
            cells.apply(shard, key, None)
    for shard, key, value in crowd.records():
        if key == b"p":
            cells.apply(shard, key, value)
    cells.update()
    assert cells.slice(crowd.start_ms) is None
    return crowd, cells


def floor(crowd, cells):
    shelf = Shelf()
    log = MemoryLog(opened_for({"live": crowd}), shelf.put, shelf.withdraw)
    releasing = Releasing(QuerySettings(), {"live": cells}, book_of(crowd), log, shelf)
    releasing.catch_up()
    return releasing.gates["live"].floor_ms


def test_a_slice_that_only_they_were_in_looks_like_any_other_afterwards():
    crowd, cells = emptied()
    assert floor(crowd, cells) == floor(crowd, hold(crowd))


def test_a_floor_at_the_first_cell_that_is_there_is_caught(monkeypatch):
    """The defence removed: what can be asked begins later, so somebody was alone and is gone."""
    crowd, cells = emptied()
    monkeypatch.setattr(HeldCells, "floor_ms", property(lambda self: self.starts[0]))
    assert floor(crowd, cells) != floor(crowd, hold(crowd))


def test_over_a_real_log_every_replica_withdraws_by_itself_and_after_a_restart(
    broker, topic_prefix
):
    random = np.random.default_rng(9)
    heard = [draw_heard(random, 40, 300, 12, REAL) for _ in range(2)]
    catalogue = make_catalogue()
    cells = [lambda at, each=each: content_of(each, catalogue, at, REAL) for each in heard]
    log = RealLog(settings_of(broker, topic_prefix), cells)
    replicas = [log.materialiser(**ALLOWED) for _ in range(2)]
    ended = threading.Event()
    threads = [threading.Thread(target=each.follow, args=(ended,)) for each in replicas]

    def rows(replica, number):
        gate = replica.sources.by_name["live"].gate
        asked = log.range(number, number + 1)
        found = gate.sample(asked, 1_000, query_pb2.SAMPLE_KIND_REAL).rows
        return sorted((row.track_key, row.time_ms, row.country) for row in found)

    for each in threads:
        each.start()
    try:
        before = rows(replicas[0], 0)
        stays = rows(replicas[0], 1)
        assert before
        wait_until(lambda: rows(replicas[1], 0) == before)
        erase_in(log, log.starts[:1])
        for replica in replicas:
            wait_until(lambda replica=replica: rows(replica, 0) == [])
    finally:
        ended.set()
        for each in threads:
            each.join(20)
    restarted = log.materialiser(**ALLOWED)
    for replica in (*replicas, restarted):
        assert rows(replica, 0) == []
        assert rows(replica, 1) == stays
        replica.close()


def erase_in(log, slices):
    """Write what the consumer writes once it has rebuilt cells of these slices."""
    with ErasureLog(log.settings) as erasures:
        asked = erasures.request(b"\xab" * 16, [("live", 0)])
    records = []
    rebuilt(records, asked.erasure, log.data_set, slices)
    writer = TransactionalWriter(log.settings, "consumer")
    with writer.transaction():
        for key, value in records:
            writer.produce(Topics(log.settings.kafka_topic_prefix).erasures, key, value)


def wait_until(done, seconds=20.0):
    give_up = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < give_up
        time.sleep(0.05)
