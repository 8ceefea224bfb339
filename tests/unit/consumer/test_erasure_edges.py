"""What comes in between while somebody is erased changes nothing: the edges, one by one."""

from __future__ import annotations

import numpy as np
import pytest
from tests.made_up_listens import as_messages, message
from tests.unit.consumer.erased_logs import (
    LISTENERS,
    LIVE,
    RULES,
    START,
    assert_equal,
    erased,
    is_of,
    never_saw,
    totals,
)
from tests.unit.consumer.system_without_kafka import TOPICS, SystemWithoutKafka

from sottovoce.data_sets.data_set import HOUR_MS, MINUTE_MS
from sottovoce.data_sets.terms import Terms
from sottovoce.erasure.book import REBUILT, TOMBSTONED
from sottovoce.erasure.pseudonyms import halves_of
from sottovoce.wire.keys import SEAL_KEY, retired_key
from sottovoce.wire.listens import pack_keys, shard_of, view_listens
from sottovoce.wire.v1 import cell_pb2, listen_pb2
from sottovoce_consumer.admission import Admission


def test_whoever_comes_back_does_so_as_somebody_new_whom_the_erasure_leaves_alone():
    system, logs, (listener,) = erased(part=0.4)
    new = b"\x77" * 16
    home, later = shard_of(new, 2), START + 6 * HOUR_MS
    # The same plays, told again under the new pseudonym, at a time when they may still be told.
    theirs = [each for log in logs.values() for each in log if is_of(each, [listener])]
    again = np.concatenate([view_listens(each.value()) for each in theirs]).copy()
    again["listener_high"], again["listener_low"] = halves_of(new)
    again["end_time_ms"], again["ordinal"] = later - MINUTE_MS, 0
    log = system.logs[home]
    log += as_messages(again, [later] * len(again), first_offset=len(log), shard=home)
    system.batch(200)
    system.ask(listener)
    system.batch(10**6)
    system.rebuilder.rebuild()
    system.forgetter.forget()
    system.committer.commit([])
    oracle = never_saw("live", system.logs, [listener])
    assert_equal(system, oracle)
    assert (
        oracle.view(home).progress.admitted
        > never_saw("live", logs, [listener]).view(home).progress.admitted
    )
    tombstones = [key for key, value in system.records(TOPICS.listens("live"), home) if not value]
    assert not [key for key in tombstones if key.startswith(new)]


def offset_of(log, prefix):
    return next(each.offset() for each in log if each.key().startswith(prefix))


@pytest.mark.parametrize("when", ["before", "between", "after"])
def test_a_seal_that_comes_in_between_decides_alike_in_the_replay(when):
    """The request before the seal, between it and the rebuilding, or after both."""
    system, logs, (listener,) = erased("history")
    seal = min(offset_of(log, SEAL_KEY) for log in logs.values())
    if when == "before":
        system.batch(seal - 5)
        system.ask(listener)
        system.batch(3)
        system.batch(10)  # the seal
        system.rebuilder.rebuild()
    elif when == "between":
        system.batch(seal + 5)
        system.ask(listener)
        system.batch(1)
        system.rebuilder.rebuild()
    system.batch(10**6)
    if when == "after":
        system.ask(listener)
        system.batch(1)
    system.rebuilder.rebuild()
    system.committer.commit([])
    oracle = never_saw("history", logs, [listener])
    assert_equal(system, oracle)
    assert any(
        each.refusal == cell_pb2.REFUSAL_LATE
        for shard in logs
        for each in oracle.view(shard).progress.refused
    )


def test_terms_and_a_catalogue_that_come_in_between_rule_the_slices_after_them():
    system, logs, (listener,) = erased()
    strict = Terms("live", from_ms=START + 2 * HOUR_MS, catalogue_version="v2", listens_per_slice=1)
    system.batch(50)
    system.ask(listener)
    system.batch(10)
    system.admission = Admission(LIVE, (*RULES["live"].terms, strict))
    system.start()  # a batch is planned by the terms of its time; the consumer is restarted
    system.rebuilder.rebuild()
    system.batch(10**6)
    system.committer.commit([])
    oracle = SystemWithoutKafka(
        LIVE,
        system.admission,
        {
            shard: [each for each in log if not is_of(each, [listener])]
            for shard, log in logs.items()
        },
    )
    oracle.batch(10**6)
    oracle.committer.commit([])
    assert_equal(system, oracle)
    loose = never_saw("live", logs, [listener])
    assert [totals(system.view(shard)) for shard in logs] != [
        totals(loose.view(shard)) for shard in logs
    ]


def test_a_fold_that_is_due_while_an_erasure_waits_comes_after_it():
    """Every slice is complete, and would be folded with the very batch that denies."""
    system, logs, (listener,) = erased()
    last = max(each.offset() for log in logs.values() for each in log)
    system.batch(last - 3)
    system.ask(listener)
    system.batch(10**6)  # denies, and completes all slices
    home = shard_of(listener, 2)
    assert any(cell.delta_offsets for cell in system.view(home).cells.values())
    system.rebuilder.rebuild()
    for _ in range(40):
        system.committer.commit([])
    assert not any(cell.delta_offsets for cell in system.view(home).cells.values())
    assert_equal(system, never_saw("live", logs, [listener]))


def test_an_import_that_goes_on_counts_nothing_of_the_listener_and_leaves_nothing():
    """The writer has not retired them yet: what it still writes is passed over, then removed."""
    system, logs, (listener,) = erased("history", part=0.8)
    home = shard_of(listener, 2)
    request = system.ask(listener)
    for _ in range(6):
        system.batch(20)
        system.rebuilder.rebuild()
        assert not system.forgetter.forget()
    before = system.state(request, home)
    assert (before.step, before.admitted) == (REBUILT, 0)
    system.batch(10**6)
    while system.forgetter.forget():
        pass
    assert_equal(system, never_saw("history", logs, [listener]))
    state = system.state(request, home)
    assert state.step == TOMBSTONED
    assert state.tombstones == sum(is_of(each, [listener]) for each in logs[home]) > 0


def test_two_stewards_at_the_same_instant_take_the_listens_out_once():
    system, logs, (listener,) = erased()
    system.batch(10**6)
    one, other = system.ask(listener), system.ask(listener)
    system.batch(1)
    system.rebuilder.rebuild()
    while system.forgetter.forget():
        pass
    assert_equal(system, never_saw("live", logs, [listener]))
    home = shard_of(listener, 2)
    first, second = system.state(one, home), system.state(other, home)
    assert (first.admitted > 0, second.admitted) == (True, 0)
    assert [*first.blocks] == [*second.blocks]
    assert {each.slice_ms for each in first.cells} == {each.slice_ms for each in second.cells}


@pytest.mark.parametrize("who", [(0,), (0, 1, 2), range(LISTENERS)])
def test_names_of_tracks_go_where_no_cell_counts_them_any_more(who):
    system, logs, listeners = erased(who=who, size=500)
    for listener in listeners:
        system.ask(listener)
    system.batch(10**6)
    system.rebuilder.rebuild()
    while system.forgetter.forget():
        pass
    gone = {key for key, value in system.records(TOPICS.tracks) if value is None}
    oracle = never_saw("live", logs, listeners)
    counted = {
        int(key)
        for shard in logs
        for cell in oracle.view(shard).cells.values()
        for key in cell.content().plays.keys
    }
    theirs = {
        pack_keys(listens["track_high"], listens["track_low"]).tobytes()
        for log in logs.values()
        for each in log
        if is_of(each, listeners)
        for listens in [view_listens(each.value())]
    }
    assert gone == {each for each in theirs if int.from_bytes(each[8:], "big") not in counted}
    assert gone
    assert len(gone) < len(theirs) or len(listeners) == LISTENERS


def test_a_retirement_that_comes_when_all_is_done_is_let_go_of():
    system, _, (listener,) = erased()
    home = shard_of(listener, 2)
    system.ask(listener)
    system.batch(10**6)
    system.rebuilder.rebuild()
    while system.forgetter.forget():
        pass
    high, low = halves_of(listener)
    who = listen_pb2.Retired(listener_high=high, listener_low=low)
    value = listen_pb2.Control(retired=who).SerializeToString()
    last = START + 6 * HOUR_MS
    record = message(system.end(home), retired_key(listener), value, last, shard=home)
    system.logs[home].append(record)
    system.batch(10)
    assert system.view(home).progress.retired
    assert system.forgetter.forget()
    assert not system.view(home).progress.retired
    assert system.records(TOPICS.listens("live"), home)[-1] == (retired_key(listener), None)
    assert not system.forgetter.forget()
