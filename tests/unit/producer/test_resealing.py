"""Entries move to the current key some at a time, between plays."""

import pytest
from tests.unit.producer.memory_writer import MemoryWriter

from sottovoce.data_sets.data_set import DAY_MS
from sottovoce_producer.plays import PlayRow
from sottovoce_producer.vault import Vault, key_of
from sottovoce_producer.vault_keys import KeyFile, VaultKeys

NOW = 20_000 * DAY_MS + 1


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "vault.key"
    VaultKeys.create().save(path)
    return path


def rows(number, at=NOW):
    return [PlayRow(f"a{each}", "", "Artist", "T", "", at) for each in range(number)]


def latest(writer):
    return {key: value for key, value, _ in writer.log.of(writer.topics.vault)}


def test_a_running_writer_seals_again_in_batches_and_plays_go_on_between(path):
    file = KeyFile(path)
    writer = MemoryWriter(now_ms=NOW, keys=file.keys, key_file=file)
    writer.write(rows(25))
    writer.writer.connect("a3", b"tokens")
    assert writer.resealing.step(10) == 0
    keys = VaultKeys.load(path).rotated()
    keys.replace(path)
    assert writer.resealing.step(10) == 15
    assert writer.listeners.older_entries == 15
    writer.write(rows(26, NOW + 1))
    assert writer.listeners.older_entries == 15, "a new listener stands under the current key"
    assert writer.resealing.step(10) == 5
    assert writer.resealing.step(10) == 0
    entries = latest(writer)
    assert {key_of(value) for value in entries.values()} == {keys.current.key_id}
    opened = {}
    for key, value in entries.items():
        entry = Vault(keys.retired()).open(key, value)
        opened[entry.account] = entry
    assert len(opened) == 26
    assert opened["a3"].tokens == b"tokens"
    for account, entry in opened.items():
        assert writer.accounts.resolve(account) == (entry.listener_high, entry.listener_low)
        assert entry.created_at_ms == NOW


def test_a_starting_writer_knows_what_stands_under_an_older_key(path):
    keys = VaultKeys.load(path)
    before = MemoryWriter(now_ms=NOW, keys=keys)
    before.write(rows(3))
    rotated = keys.rotated()
    after = MemoryWriter(now_ms=NOW, keys=rotated)
    for key, value in latest(before).items():
        after.listeners.restore(key, value)
    assert after.listeners.older_entries == 3
    assert after.resealing.step() == 0
    assert {key_of(value) for value in latest(after).values()} == {rotated.current.key_id}


def test_a_forgotten_account_is_not_sealed_again(path):
    file = KeyFile(path)
    writer = MemoryWriter(now_ms=NOW, keys=file.keys, key_file=file)
    writer.write(rows(3))
    VaultKeys.load(path).rotated().replace(path)
    writer.accounts.forget("a1")
    assert writer.listeners.older_entries == 2
    writer.resealing.step()
    assert latest(writer)[writer.listeners.record_key("a1")] is None


def test_an_unreadable_key_file_is_told_and_plays_go_on(path):
    file = KeyFile(path)
    writer = MemoryWriter(now_ms=NOW, keys=file.keys, key_file=file)
    writer.write(rows(1))
    path.unlink()
    assert writer.write(rows(2, NOW + 1)).taken == 2
    assert writer.resealing.step() == 0
