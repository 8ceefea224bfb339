"""The oracle: after an erasure everything equals a run over the log without the listener."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.made_up_listens import contents, make_listens, message
from tests.unit.consumer.erased_logs import (
    LISTENERS,
    RULES,
    START,
    assert_equal,
    erased,
    is_of,
    letters,
    make_logs,
    never_saw,
    pseudonym_number,
    totals,
)
from tests.unit.consumer.system_without_kafka import TOPICS, CrashError, SystemWithoutKafka

from sottovoce.data_sets.data_set import HOUR_MS
from sottovoce.erasure.book import REBUILT, TOMBSTONED
from sottovoce.erasure.pseudonyms import halves_of
from sottovoce.wire.keys import HEARTBEAT_KEY, retired_key
from sottovoce.wire.listens import shard_of
from sottovoce.wire.v1 import cell_pb2, listen_pb2
from sottovoce_consumer.denying import NOBODY, DenyList


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
