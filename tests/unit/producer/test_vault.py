"""The vault: sealed, bound to its place, never telling whom it is about."""

import stat

import pytest

from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.errors import VaultError
from sottovoce_producer.listeners import FOREIGN, Listeners
from sottovoce_producer.vault import (
    Vault,
    VaultKeys,
    random_pseudonym,
    seeded_pseudonyms,
    writer_of,
)


@pytest.fixture
def key():
    return VaultKeys.create()


def entry():
    return producer_pb2.VaultEntry(
        account="nobody@example.org", listener_high=1, listener_low=2, created_at_ms=3, tokens=b"t"
    )


def test_opens_what_it_sealed(key):
    vault = Vault(key)
    place = vault.record_key("nobody@example.org")
    assert vault.open(place, vault.seal(place, entry())) == entry()


def test_neither_key_nor_value_tells_the_account(key):
    vault = Vault(key)
    place = vault.record_key("nobody@example.org")
    value = vault.seal(place, entry())
    assert b"nobody" not in place + value
    assert vault.seal(place, entry()) != value


def test_every_flipped_bit_is_an_error(key):
    vault = Vault(key)
    place = vault.record_key("nobody@example.org")
    sealed = producer_pb2.SealedVaultEntry.FromString(vault.seal(place, entry()))
    for name in ("nonce", "ciphertext"):
        for at in range(len(getattr(sealed, name))):
            changed = producer_pb2.SealedVaultEntry.FromString(sealed.SerializeToString())
            value = bytearray(getattr(changed, name))
            value[at] ^= 1 << at % 8
            setattr(changed, name, bytes(value))
            with pytest.raises(VaultError, match="changed or moved"):
                vault.open(place, changed.SerializeToString())


def test_an_entry_moved_to_another_account_is_an_error(key):
    vault = Vault(key)
    value = vault.seal(vault.record_key("one"), entry())
    with pytest.raises(VaultError, match="changed or moved"):
        vault.open(vault.record_key("another"), value)


def test_another_key_is_named(key):
    value = Vault(key).seal(b"k", entry())
    with pytest.raises(VaultError, match=key.current.key_id):
        Vault(VaultKeys.create()).open(b"k", value)


def test_a_key_file_is_private_and_never_overwritten(key, tmp_path):
    path = tmp_path / "keys" / "vault.json"
    key.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert VaultKeys.load(path) == key
    with pytest.raises(VaultError, match="never overwritten"):
        key.save(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is no vault key"),
        ("{}", "is no vault key"),
        ('{"key_id": "a", "lookup": "YQ==", "sealing": "YQ=="}', "32 bytes"),
        ('{"key_id": "a", "lookup": "!", "sealing": "YQ=="}', "is no vault key"),
    ],
)
def test_a_file_that_is_no_key_is_refused(tmp_path, content, says):
    path = tmp_path / "vault.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(VaultError, match=says):
        VaultKeys.load(path)


def test_a_missing_key_and_a_public_one_are_refused(key, tmp_path):
    path = tmp_path / "vault.json"
    with pytest.raises(VaultError, match="makes one"):
        VaultKeys.load(path)
    key.save(path)
    path.chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        VaultKeys.load(path)


def test_secrets_stay_out_of_the_repr(key):
    assert key.lookup.hex() not in repr(key)
    assert "lookup" not in repr(key)


def test_pseudonyms_are_random_or_given_by_the_seed():
    assert random_pseudonym("a") != random_pseudonym("a")
    assert seeded_pseudonyms("s")("a") == seeded_pseudonyms("s")("a")
    assert seeded_pseudonyms("s")("a") != seeded_pseudonyms("s")("b")
    assert seeded_pseudonyms("s")("a") != seeded_pseudonyms("z")("a")


def test_listeners_keep_their_pseudonyms_over_a_restart(key):
    vault = Vault(key)
    first = Listeners(vault, random_pseudonym)
    accounts = [f"a{number}" for number in range(3_000)]
    numbered = first.number(accounts)
    first.commit(numbered.new)
    assert first.number(accounts).new == []
    second = Listeners(vault, random_pseudonym)
    for each in reversed(numbered.new):
        second.restore(each.record_key, first.sealed(each, 5))
    again = second.number(accounts)
    assert again.new == []
    before, after = first.ids(numbered.numbers), second.ids(again.numbers)
    assert before[0].tolist() == after[0].tolist()
    assert before[1].tolist() == after[1].tolist()
    assert second.find(*map(list, after)).tolist() == again.numbers.tolist()
    assert first.shards(numbered.numbers, 16).tolist() == second.shards(again.numbers, 16).tolist()


def test_numbers_that_were_never_committed_are_given_anew(key):
    listeners = Listeners(Vault(key), random_pseudonym)
    assert listeners.number(["a", "b"]).numbers.tolist() == [0, 1]
    numbered = listeners.number(["b"])
    listeners.commit(numbered.new)
    assert listeners.number(["b", "a"]).numbers.tolist() == [0, 1]


def test_each_account_belongs_to_exactly_one_writer(key):
    vault = Vault(key)
    writers = [Listeners(vault, random_pseudonym, writers=3, writer_index=i) for i in range(3)]
    accounts = [f"a{number}" for number in range(300)]
    owned = [writer.number(accounts).numbers != FOREIGN for writer in writers]
    assert (sum(each.astype(int) for each in owned) == 1).all()
    assert all(each.sum() > 60 for each in owned)
    assert {writer_of(vault.record_key(account), 3) for account in accounts} == {0, 1, 2}
