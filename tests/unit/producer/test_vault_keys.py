"""The vault's keys: rotated in place, never lost, older ones only as long as they are needed."""

import json
import stat

import pytest

from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.errors import VaultError
from sottovoce_producer.vault import Vault, key_of
from sottovoce_producer.vault_keys import KeyFile, VaultKeys

ENTRY = producer_pb2.VaultEntry(account="a", listener_high=1, listener_low=2)


def test_a_rotated_key_seals_anew_and_opens_what_was_sealed_before():
    keys = VaultKeys.create()
    before = Vault(keys).seal(b"k", ENTRY)
    rotated = keys.rotated().rotated()
    vault = Vault(rotated)
    assert vault.open(b"k", before) == ENTRY
    assert key_of(vault.seal(b"k", ENTRY)) == rotated.current.key_id != keys.current.key_id
    assert vault.record_key("a") == Vault(keys).record_key("a")
    with pytest.raises(VaultError, match=keys.current.key_id):
        Vault(rotated.retired()).open(b"k", before)


def test_a_file_keeps_all_keys_and_is_replaced_whole(tmp_path):
    path = tmp_path / "vault.key"
    keys = VaultKeys.create()
    keys.save(path)
    inode = path.stat().st_ino
    rotated = keys.rotated()
    rotated.replace(path)
    assert VaultKeys.load(path) == rotated
    assert path.stat().st_ino != inode
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["vault.key"]


def test_a_file_made_before_there_were_older_keys_is_read(tmp_path):
    path = tmp_path / "vault.key"
    keys = VaultKeys.create()
    keys.save(path)
    assert set(json.loads(path.read_text())) == {"key_id", "lookup", "sealing"}
    assert VaultKeys.load(path) == keys


def test_two_changes_of_a_file_at_once_do_not_lose_a_key(tmp_path):
    path = tmp_path / "vault.key"
    keys = VaultKeys.create()
    keys.save(path)
    (tmp_path / "vault.key.new").touch()
    with pytest.raises(VaultError, match="another process, or one was broken off"):
        keys.rotated().replace(path)
    assert VaultKeys.load(path) == keys


def test_a_malformed_file_is_not_repeated_in_the_error(tmp_path):
    path = tmp_path / "vault.key"
    path.write_text('{"key_id": "a", "lookup": "c2VjcmV0", "sealing": "c2VjcmV0", "older": ["s3"]}')
    path.chmod(0o600)
    with pytest.raises(VaultError, match="is no vault key") as raised:
        VaultKeys.load(path)
    assert raised.value.__cause__ is None
    assert "c2VjcmV0" not in str(raised.value)


def test_no_key_is_in_a_repr():
    keys = VaultKeys.create().rotated()
    for secret in (keys.lookup, *(each.secret for each in keys.sealing)):
        assert repr(secret) not in repr(keys)
        assert secret.hex() not in repr(keys)


def test_a_replaced_file_is_read_again_once(tmp_path):
    path = tmp_path / "vault.key"
    keys = VaultKeys.create()
    keys.save(path)
    file = KeyFile(path)
    assert not file.changed()
    rotated = keys.rotated()
    rotated.replace(path)
    assert file.changed()
    assert file.keys == rotated
    assert not file.changed()


def test_a_file_of_another_vault_is_refused_and_the_keys_stay(tmp_path):
    path = tmp_path / "vault.key"
    keys = VaultKeys.create()
    keys.save(path)
    file = KeyFile(path)
    VaultKeys.create().replace(path)
    with pytest.raises(VaultError, match="another vault"):
        file.changed()
    assert file.keys == keys
    assert not file.changed()
