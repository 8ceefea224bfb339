"""Forgetting: all of it in one transaction, and alike for whoever was never known."""

import pytest
from tests.unit.producer.memory_writer import DATA_SETS, MemoryWriter

from sottovoce.data_sets import Terms
from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS, MINUTE_MS
from sottovoce.wire.keys import RETIRED_KEY, retired_key
from sottovoce.wire.listens import shard_of
from sottovoce.wire.v1 import listen_pb2
from sottovoce_producer.counts import outcomes
from sottovoce_producer.errors import ForeignAccountError, RestingAccountError
from sottovoce_producer.plays import PlayRow
from sottovoce_producer.vault import account_label, account_source, pseudonym_bytes
from sottovoce_producer.vault_keys import VaultKeys

DAY = 20_000 * DAY_MS
NOON = DAY + 12 * HOUR_MS
BACK = DAY + DAY_MS + 5 * MINUTE_MS
"""When somebody counts again who was forgotten at noon: the lateness into the next day."""


def row(account, end_time_ms, title="T"):
    return PlayRow(account, "", "Artist", title, "", end_time_ms)


@pytest.fixture
def writer():
    return MemoryWriter(now_ms=NOON, terms=[Terms("live", listens_per_slice=3, slices_per_day=2)])


def parts(writer, since):
    """What was written since, by topic, without what differs from one account to the other."""
    return sorted(
        (topic, RETIRED_KEY if key.startswith(RETIRED_KEY) else key.split(b"/")[0], value is None)
        for topic, key, value, _ in writer.log.records[since:]
        if topic != writer.topics.vault
    )


def test_a_forgotten_account_leaves_the_vault_and_is_retired_in_every_data_set(writer):
    writer.write([row("a", NOON), row("b", NOON)])
    writer.writer.connect("a", b"tokens")
    pseudonym, before = writer.accounts.resolve("a"), writer.log.transactions
    assert writer.accounts.forget("a") == BACK
    assert writer.log.transactions == before + 1
    assert writer.log.of(writer.topics.vault)[-1][:2] == (writer.listeners.record_key("a"), None)
    packed = pseudonym_bytes(pseudonym)
    for name, data_set in DATA_SETS.items():
        key, value, shard = writer.log.of(writer.topics.listens(name))[-1]
        assert key == retired_key(packed)
        assert shard == shard_of(packed, data_set.shards)
        retired = listen_pb2.Control.FromString(value).retired
        assert (retired.listener_high, retired.listener_low) == pseudonym
        assert retired.retired_at_ms == NOON
    assert writer.listeners.connections() == {}
    assert writer.listeners.number_of("a") is None
    assert writer.listeners.account_of(pseudonym) is None


def test_every_cursor_of_the_listener_is_deleted_and_no_other(writer):
    writer.write([row("a", NOON), row("b", NOON)], cursor=b"c")
    source = account_source(account_label(writer.listeners.record_key("a")))
    writer.write([row("a", NOON - 1)], source=source, cursor=b"position")
    before = {key for key, value, _ in writer.log.of(writer.topics.cursors) if value is not None}
    writer.accounts.forget("a")
    latest = {key: value for key, value, _ in writer.log.of(writer.topics.cursors)}
    left = {key for key, value in latest.items() if value is not None}
    resting = b"resting/" + writer.listeners.record_key("a")
    assert len(before) == 4  # two listeners' slices, two sources
    assert len(left) == 3
    assert resting in left
    assert f"source/{source}".encode() not in left
    assert writer.writer.cursor("s") == b"c"
    assert writer.writer.cursor(source) is None


def test_plays_of_a_resting_account_are_counted_as_such_then_it_is_somebody_new(writer):
    writer.write([row("a", NOON)])
    old = writer.accounts.resolve("a")
    writer.accounts.forget("a")
    assert outcomes(writer.write([row("a", NOON), row("b", NOON)])) == {"taken": 1, "resting": 1}
    writer.now_ms = BACK - 1
    assert outcomes(writer.write([row("a", writer.now_ms)])) == {"resting": 1}
    writer.now_ms = BACK
    assert outcomes(writer.write([row("a", BACK)])) == {"taken": 1}
    assert writer.accounts.resolve("a") != old
    assert len(writer.listeners.resting) == 0
    resting = b"resting/" + writer.listeners.record_key("a")
    assert [v for k, v, _ in writer.log.of(writer.topics.cursors) if k == resting][-1] is None


def test_an_unknown_account_gets_the_same_answer_records_and_rest(writer):
    writer.write([row("known", NOON)], data_set="history")
    before = len(writer.log.records)
    known = writer.accounts.forget("known")
    between = len(writer.log.records)
    unknown = writer.accounts.forget("unknown")
    assert known == unknown
    both = parts(writer, before)
    assert sorted(parts(writer, between) * 2) == both
    counts = writer.write([row("known", NOON), row("unknown", NOON)])
    assert outcomes(counts) == {"resting": 2}


def test_an_unknown_account_resolves_to_a_pseudonym_of_nobody_and_always_to_the_same(writer):
    resolved = writer.accounts.resolve("unknown")
    assert writer.accounts.resolve("unknown") == resolved
    assert writer.accounts.resolve("other") != resolved
    assert writer.listeners.account_of(resolved) is None
    writer.write([row("unknown", NOON)])
    assert writer.accounts.resolve("unknown") != resolved


def test_whoever_has_only_the_pseudonym_forgets_the_same(writer):
    writer.write([row("a", NOON)])
    assert writer.accounts.forget_listener(writer.accounts.resolve("a")) == BACK
    assert outcomes(writer.write([row("a", NOON)])) == {"resting": 1}


def test_a_rest_goes_on_until_the_day_after_the_erasure_and_is_never_shortened(writer):
    writer.write([row("a", NOON)])
    pseudonym = writer.accounts.resolve("a")
    writer.accounts.forget("a")
    writer.accounts.rest(pseudonym, NOON + 3 * DAY_MS)
    writer.accounts.rest(pseudonym, NOON)
    writer.accounts.forget("a")
    writer.accounts.rest((1, 2), NOON + 9 * DAY_MS)
    writer.now_ms = BACK + 3 * DAY_MS - 1
    assert outcomes(writer.write([row("a", writer.now_ms)])) == {"resting": 1}
    writer.now_ms += 1
    assert outcomes(writer.write([row("a", writer.now_ms)])) == {"taken": 1}
    writer.accounts.rest(pseudonym, NOON + 9 * DAY_MS)
    assert outcomes(writer.write([row("a", writer.now_ms + 1)])) == {"taken": 1}


def test_forgotten_again_when_the_rest_is_over_but_was_not_deleted_it_rests_again(writer):
    writer.accounts.forget("a")
    writer.now_ms = BACK
    until_ms = writer.accounts.forget("a")
    assert until_ms == BACK + DAY_MS
    assert outcomes(writer.write([row("a", BACK)])) == {"resting": 1}
    resting = b"resting/" + writer.listeners.record_key("a")
    assert [v for k, v, _ in writer.log.of(writer.topics.cursors) if k == resting][-1] is not None


def test_a_resting_account_cannot_be_connected_and_the_writer_goes_on(writer):
    writer.accounts.forget("a")
    with pytest.raises(RestingAccountError, match="tomorrow"):
        writer.writer.connect("a", b"tokens")
    assert outcomes(writer.write([row("b", NOON)])) == {"taken": 1}


def test_a_source_of_a_resting_account_leaves_no_cursor(writer):
    source = account_source(account_label(writer.listeners.record_key("a")))
    writer.accounts.forget("a")
    before = len(writer.log.records)
    assert outcomes(writer.write([row("a", NOON)], source=source, cursor=b"c")) == {"resting": 1}
    assert writer.writer.cursor(source) is None
    assert len(writer.log.records) == before


def test_nothing_in_memory_knows_a_forgotten_listener(writer):
    empty = [MemoryWriter(now_ms=NOON).state.intakes["live"].bounds, 0]
    writer.write([row("a", NOON, title) for title in "TUV"])
    writer.accounts.forget("a")
    bounds = writer.state.intakes["live"].bounds
    assert [len(each) for each in bounds._tables] == [len(each) for each in empty[0]._tables]
    assert bounds.days_of(0) == []
    assert not writer.listeners._ids.any()
    writer.write([row("b", NOON)])
    assert writer.listeners.number_of("b") == 1, "a number is given twice"


def test_only_the_owner_acts():
    keys = VaultKeys.create()
    writers = [MemoryWriter(now_ms=NOON, keys=keys, writers=2, writer_index=i) for i in range(2)]
    refused = 0
    for each in writers:
        try:
            each.accounts.forget("a")
        except ForeignAccountError:
            refused += 1
            assert each.log.records == []
    assert refused == 1


def retirements(writer, pseudonym):
    key = retired_key(pseudonym_bytes(pseudonym))
    return [
        name
        for name in DATA_SETS
        for written, _, _ in writer.log.of(writer.topics.listens(name))
        if written == key
    ]


def test_a_pseudonym_that_nobody_has_is_retired_so_that_an_erasure_of_it_ends(writer):
    stranger = (3, 4)
    writer.write([row("a", NOON)])
    assert writer.accounts.forget_listener(stranger) == BACK
    assert retirements(writer, stranger) == list(DATA_SETS)
    assert {topic for topic, *_ in writer.log.records[-2:]} == {
        writer.topics.listens(name) for name in DATA_SETS
    }


def test_of_several_writers_none_retires_whom_another_may_know_until_all_were_asked():
    writer = MemoryWriter(now_ms=NOON, writers=2)
    stranger = (3, 4)
    assert writer.accounts.writers == 2
    writer.accounts.forget_listener(stranger)
    assert retirements(writer, stranger) == []
    writer.accounts.forget_listener(stranger, all_others_asked=True)
    assert retirements(writer, stranger) == list(DATA_SETS)


def test_a_name_that_was_taken_back_is_told_again_when_the_track_is_played(writer):
    writer.write([row("a", NOON)])
    told = writer.log.of(writer.topics.tracks)
    writer.write([row("b", NOON)])
    assert writer.log.of(writer.topics.tracks) == told
    writer.writer.state.track_names.forget(told[0][0])
    writer.write([row("c", NOON)])
    assert writer.log.of(writer.topics.tracks) == told * 2
    writer.writer.state.track_names.forget(b"never told there")
