"""The oracle: after an erasure everything equals a run over the log without the listener."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.made_up_listens import as_messages, contents, indexes, make_listens, message
from tests.unit.consumer.system_without_kafka import TOPICS, CrashError, SystemWithoutKafka

from sottovoce.data_sets.data_set import HOUR_MS, MINUTE_MS, PROFILES
from sottovoce.data_sets.terms import Terms
from sottovoce.erasure.book import REBUILT, TOMBSTONED
from sottovoce.erasure.pseudonyms import halves_of, pseudonym_of
from sottovoce.wire.keys import HEARTBEAT_KEY, SEAL_KEY, retired_key, seal_key
from sottovoce.wire.listens import pack_keys, shard_of, view_listens
from sottovoce.wire.v1 import cell_pb2, listen_pb2
from sottovoce_consumer.admission import Admission
from sottovoce_consumer.denying import NOBODY, DenyList
from sottovoce_consumer.placing import shards_of

START = 480_000 * HOUR_MS
LIVE = dataclasses.replace(PROFILES["standard"]["live"], shards=2, epoch=b"e" * 16)
HISTORY = dataclasses.replace(PROFILES["standard"]["history"], shards=2, epoch=b"h" * 16)
RULES = {
    "live": Admission(LIVE, (Terms("live", listens_per_slice=3),)),
    "history": Admission(HISTORY, (Terms("history", listens_per_slice=3),)),
}
LISTENERS = 6


def pseudonym_number(number):
    listens = make_listens(0, 2_000, from_ms=0, to_ms=1, listeners=LISTENERS)
    pairs = sorted(set(zip(listens["listener_high"], listens["listener_low"], strict=True)))
    return pseudonym_of(*map(int, pairs[number]))


def make_logs(name, seed, size, retired):
    """Logs of two shards: on time, late, over the bound, misplaced, sealed; each ends with a beat.

    `retired` says after which part of the log each listener is retired, and writes nothing more.
    """
    rng = np.random.default_rng(seed)
    data_set = RULES[name].data_set
    listens = make_listens(
        seed, size, from_ms=START, to_ms=START + 3 * HOUR_MS, listeners=LISTENERS
    )
    ends = listens["end_time_ms"].astype(np.int64)
    append = ends + rng.integers(0, 7 * MINUTE_MS, size)
    order = np.argsort(append)
    listens, append = listens[order], append[order]
    if name == "history":  # several days, in any order
        listens["end_time_ms"] -= (rng.integers(0, 4, size) * 24 * HOUR_MS).astype(np.uint64)
    shards = shards_of(listens["listener_high"], listens["listener_low"], data_set.shards)
    lost = rng.random(size) < 0.03
    shards[lost] = 1 - shards[lost]
    whose = DenyList.of(retired).numbers(listens)
    ended = np.array([int(part * size) for part in retired.values()] + [size])
    retired_ms = [int(append[min(each, size - 1)]) for each in ended]
    listens, append, shards = (
        each[np.arange(size) <= ended[whose]] for each in (listens, append, shards)
    )
    logs = {}
    for shard in range(data_set.shards):
        mine = shards == shard
        rows = [
            (stamp, each.key(), each.value())
            for stamp, each in zip(
                append[mine].tolist(), as_messages(listens[mine], append[mine]), strict=True
            )
        ]
        last = START + 5 * HOUR_MS
        for pseudonym, stamp in zip(retired, retired_ms, strict=False):
            if shard_of(pseudonym, data_set.shards) == shard:
                high, low = halves_of(pseudonym)
                who = listen_pb2.Retired(listener_high=high, listener_low=low)
                value = listen_pb2.Control(retired=who).SerializeToString()
                rows.append((stamp + 1, retired_key(pseudonym), value))
        if name == "history":
            through = START - 2 * 24 * HOUR_MS
            seal = listen_pb2.Control(seal=listen_pb2.Seal(through_ms=through))
            rows.append((START + 2 * HOUR_MS, seal_key(through), seal.SerializeToString()))
        beat = listen_pb2.Control(heartbeat=listen_pb2.Heartbeat()).SerializeToString()
        rows.append((last, HEARTBEAT_KEY, beat))
        rows.sort(key=lambda row: row[0])
        logs[shard] = [
            message(offset, key, value, stamp, shard=shard)
            for offset, (stamp, key, value) in enumerate(rows)
        ]
    return logs


def is_of(each, pseudonyms):
    if each.value() is None or len(each.value()) != 83:
        return False
    listen = view_listens(each.value())
    return (
        pseudonym_of(int(listen["listener_high"][0]), int(listen["listener_low"][0])) in pseudonyms
    )


def never_saw(name, logs, pseudonyms):
    left = {
        shard: [each for each in log if not is_of(each, pseudonyms)] for shard, log in logs.items()
    }
    system = SystemWithoutKafka(RULES[name].data_set, RULES[name], left)
    system.batch(10**6)
    system.committer.commit([])
    return system


def letters(system):
    """The dead letters that compaction leaves."""
    return {
        key: value
        for key, value in dict(system.records(TOPICS.dead_letters)).items()
        if value is not None
    }


def totals(view):
    progress = view.progress
    return progress.admitted, {each.refusal: each.count for each in progress.refused}


def assert_equal(system, oracle):
    for shard in system.logs:
        mine, theirs = system.view(shard), oracle.view(shard)
        assert contents(mine) == contents(theirs)
        assert indexes(mine) == indexes(theirs)
        assert totals(mine) == totals(theirs)


@settings(max_examples=40)
@given(
    name=st.sampled_from(["live", "history"]),
    seed=st.integers(0, 10_000),
    size=st.integers(20, 400),
    retired=st.dictionaries(st.integers(0, LISTENERS - 1), st.floats(0.1, 1.0), min_size=1),
    moves=st.lists(
        st.tuples(st.sampled_from(["ask", "batch", "rebuild", "forget"]), st.integers(1, 60)),
        max_size=25,
    ),
    meanwhile=st.integers(0, 30),
    deltas_per_base=st.integers(1, 5),
    last_breath=st.integers(-1, 150),
)
def test_whatever_comes_in_between_all_equals_a_run_that_never_saw_them(
    name, seed, size, retired, moves, meanwhile, deltas_per_base, last_breath
):
    retired = {pseudonym_number(number): part for number, part in retired.items()}
    logs = make_logs(name, seed, size, retired)
    system = SystemWithoutKafka(
        RULES[name].data_set,
        RULES[name],
        logs,
        deltas_per_base=deltas_per_base,
        last_breath=last_breath,
        meanwhile=meanwhile,
    )
    waiting = list(retired)

    def move(what, amount):
        try:
            if what == "ask" and waiting:
                system.ask(waiting.pop())
            elif what == "batch":
                system.batch(amount)
            elif what == "rebuild":
                system.rebuilder.rebuild()
            elif what == "forget":
                system.forgetter.forget()
        except CrashError:
            system.start()

    for each in moves:
        move(*each)
    while waiting:
        move("ask", 0)
    for _ in range(3):  # a crash may take a turn
        for what in ("batch", "rebuild", "batch", "forget"):
            move(what, 10**6)
    oracle = never_saw(name, logs, retired)
    assert_equal(system, oracle)
    assert letters(system) == letters(oracle)
    system.append_tombstones()
    left = [each for log in system.compacted().values() for each in log]
    assert not [each for each in left if is_of(each, retired)]
    keys = [pseudonym for pseudonym in retired for each in left if pseudonym in (each.key() or b"")]
    assert not keys
    # What is gone from the log is not missed by a replay, and tombstones change nothing.
    system.logs = system.compacted()
    again = SystemWithoutKafka(system.data_set, system.admission, system.logs)
    again.batch(10**6)
    again.committer.commit([])
    assert [contents(again.view(shard)) for shard in logs] == [
        contents(system.view(shard)) for shard in logs
    ]


def erased(name="live", *, size=300, who=(0,), part=0.9):
    retired = {pseudonym_number(number): part for number in who}
    logs = make_logs(name, 3, size, retired)
    system = SystemWithoutKafka(RULES[name].data_set, RULES[name], logs)
    return system, logs, list(retired)


def test_a_listener_is_denied_between_two_batches_and_the_state_says_where():
    system, _, (listener,) = erased()
    system.batch(40)
    request = system.ask(listener)
    system.batch(40)
    for shard in system.logs:
        progress = system.view(shard).progress
        state = system.state(request, shard)
        assert state.denied_from == 40
        assert progress.erasures_offset == request.offset + 1
        assert progress.next_offset == 80


def test_an_idle_commit_denies_nobody_because_a_batch_may_be_planned_without_it():
    system, _, (listener,) = erased()
    request = system.ask(listener)
    system.committer.commit([], is_batch=False)
    assert all(system.state(request, shard) is None for shard in system.logs)
    system.committer.commit([])
    assert all(system.state(request, shard).denied_from == 0 for shard in system.logs)


def test_a_batch_that_was_planned_before_the_request_still_counts_the_listener():
    system, _, (listener,) = erased()
    rows = system.planned(50)
    request = system.ask(listener)
    system.committer.commit(rows)
    assert all(system.state(request, shard) is None for shard in system.logs)
    system.batch(50)
    assert {system.state(request, shard).denied_from for shard in system.logs} == {50}


def test_nothing_is_folded_between_denial_and_rebuilding():
    system, _, (listener,) = erased()
    system.batch(60)
    system.ask(listener)
    for _ in range(8):
        system.batch(10)
    home = shard_of(listener, 2)
    assert max(len(cell.delta_offsets) for cell in system.view(home).cells.values()) > 3
    system.rebuilder.rebuild()
    for _ in range(3):
        system.batch(1)
    assert max(len(cell.delta_offsets) for cell in system.view(home).cells.values()) < 3


def test_an_unknown_listener_is_erased_like_a_known_one():
    system, logs, _ = erased()
    before = [contents(never_saw("live", logs, ()).view(shard)) for shard in logs]
    request = system.ask(b"\xaa" * 16)
    system.batch(10**6)
    system.rebuilder.rebuild()
    home = shard_of(b"\xaa" * 16, 2)
    assert {system.state(request, shard).step for shard in (home, 1 - home)} == {REBUILT}
    assert [contents(system.view(shard)) for shard in logs] == before


def test_erased_twice_the_second_time_there_is_nothing_left_to_take():
    system, logs, (listener,) = erased()
    system.batch(100)
    requests = [system.ask(listener), system.ask(listener)]
    system.batch(100)
    system.rebuilder.rebuild()
    requests.append(system.ask(listener))
    system.batch(10**6)
    system.rebuilder.rebuild()
    system.committer.commit([])
    system.forgetter.forget()
    assert_equal(system, never_saw("live", logs, [listener]))
    home = shard_of(listener, 2)
    assert [bool(system.state(each, home).admitted) for each in requests] == [True, False, False]
    assert {system.state(each, home).step for each in requests} == {TOMBSTONED}


def test_tombstones_wait_until_no_record_can_follow():
    system, _, (listener,) = erased(part=0.5)
    home = shard_of(listener, 2)
    system.ask(listener)
    system.batch(10)
    system.rebuilder.rebuild()
    assert not system.forgetter.forget()
    while system.batch(20):
        system.forgetter.forget()
    keys = [key for key, value in system.records(TOPICS.listens("live"), home) if value is None]
    wanted = {each.key() for each in system.logs[home] if is_of(each, [listener])}
    assert set(keys) == wanted | {retired_key(listener)}
    assert not system.view(home).progress.retired


def test_a_cell_that_only_they_were_in_goes_with_its_keys():
    who = range(LISTENERS)
    system, logs, listeners = erased(who=who)
    for listener in listeners:
        system.ask(listener)
    system.batch(200)
    system.batch(10**6)
    system.rebuilder.rebuild()
    system.committer.commit([])
    for shard in logs:
        view = system.view(shard)
        assert not view.cells
        assert not view.index
        assert totals(view) == (0, {})


def test_cells_that_were_kept_no_longer_need_no_rebuilding():
    system, logs, (listener,) = erased()
    system.batch(10**6)
    for shard in logs:
        late = START + 8 * 24 * HOUR_MS
        beat = listen_pb2.Control(heartbeat=listen_pb2.Heartbeat()).SerializeToString()
        system.logs[shard].append(message(system.end(shard), HEARTBEAT_KEY, beat, late))
    system.batch(10**6)
    request = system.ask(listener)
    system.batch(1)
    system.rebuilder.rebuild()
    state = system.state(request, shard_of(listener, 2))
    assert not state.cells
    assert not state.blocks
    assert not system.view(shard_of(listener, 2)).cells


def test_a_forged_record_under_anothers_key_takes_nothing_of_the_others():
    system, logs, (listener,) = erased()
    home = shard_of(listener, 2)
    victim = next(each for each in logs[home] if each.value() and not is_of(each, [listener]))
    mine = next(each for each in logs[home] if is_of(each, [listener]))
    forged = message(0, victim.key(), mine.value(), mine.timestamp()[1], shard=home)
    system.logs[home] = [forged] + [
        message(each.offset() + 1, each.key(), each.value(), each.timestamp()[1], shard=home)
        for each in logs[home]
    ]
    system.ask(listener)
    system.batch(10**6)
    system.rebuilder.rebuild()
    system.forgetter.forget()
    assert victim.key() not in dict(system.records(TOPICS.listens("live"), home))


def test_whoever_is_asked_for_and_not_denied_yet_stays_in_the_index():
    system, logs, (first, second) = erased(who=(0, 1))
    system.batch(100)
    system.ask(first)
    rows = system.planned(50)
    system.ask(second)
    system.committer.commit(rows)  # denies the first alone
    system.rebuilder.rebuild()
    system.batch(10**6)
    system.rebuilder.rebuild()
    system.committer.commit([])
    assert_equal(system, never_saw("live", logs, [first, second]))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_deny_list_numbers_its_listeners(count):
    listens = make_listens(1, 500, from_ms=0, to_ms=1, listeners=LISTENERS)
    deny = DenyList.of(pseudonym_number(number) for number in range(count))
    found = Counter(deny.numbers(listens).tolist())
    pairs = list(
        zip(listens["listener_high"].tolist(), listens["listener_low"].tolist(), strict=True)
    )
    for number in range(count):
        assert found[number] == pairs.count(halves_of(pseudonym_number(number))) > 0
    assert found[NOBODY] == 500 - sum(found[number] for number in range(count))
    assert deny.holds(listens).sum() == 500 - found[NOBODY]


def test_refusals_of_a_listener_are_taken_out_of_the_totals():
    system, logs, (listener,) = erased("history")
    system.batch(10**6)
    before = [totals(system.view(shard)) for shard in logs]
    assert any(cell_pb2.REFUSAL_LATE in refused for _, refused in before)
    request = system.ask(listener)
    system.batch(1)
    system.rebuilder.rebuild()
    state = system.state(request, shard_of(listener, 2))
    assert state.admitted + sum(each.count for each in state.refused) == sum(
        each.records for each in state.blocks
    )
    assert {each.refusal for each in state.refused} >= {cell_pb2.REFUSAL_OVER_BOUND}


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
