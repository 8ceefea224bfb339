"""`sottovoce erase` between a query service and the doors of writers, all in memory."""

from __future__ import annotations

import re

import pytest
from prometheus_client import CollectorRegistry
from tests.memory_erasures import rebuilt, register_of
from tests.unit.producer.memory_writer import DATA_SETS, MemoryWriter
from tests.unit.query.crowd import HISTORY, LIVE
from tests.unit.query.serving import Serving
from typer.testing import CliRunner

from sottovoce.cli.program import program
from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS
from sottovoce.erasure import SigningKey
from sottovoce.erasure.book import GONE
from sottovoce.wire.keys import retired_key
from sottovoce_producer.plays import PlayRow
from sottovoce_producer.rpc import Door
from sottovoce_producer.settings import RunSettings
from sottovoce_producer.vault import pseudonym_bytes
from sottovoce_producer.vault_keys import VaultKeys

NOON = 20_000 * DAY_MS + 12 * HOUR_MS
NAMES = [f"account {number}" for number in range(8)]


class Town:
    """Two writers behind their doors, and a query service that knows erasures."""

    def __init__(self, writers):
        keys = VaultKeys.create()  # they share the vault's, as writers do
        self.writers = [
            MemoryWriter(now_ms=NOON, keys=keys, writers=writers, writer_index=number)
            for number in range(writers)
        ]
        for writer in self.writers:
            writer.write([PlayRow(name, "", "Artist", "T", "", NOON) for name in NAMES])
        self.doors = [
            Door(each.writer, each.accounts, RunSettings(rpc_port=0), CollectorRegistry())
            for each in self.writers
        ]
        self.records = []
        self.register = register_of(self.records, [LIVE, HISTORY], SigningKey.create())
        self.serving = Serving()
        self.serving.erasures.open(self.register)

    def run(self, *arguments, doors=None, **more):
        told = [f"--producer={each.address}" for each in (doors or self.doors)]
        asked = ["erase", "request", f"--address={self.serving.address}", *told, *arguments]
        return CliRunner().invoke(program, asked, **more)

    def owner_of(self, name):
        return next(
            each for each in self.writers if each.listeners.owns(each.listeners.record_key(name))
        )

    def retired(self, pseudonym):
        """How often a pseudonym was retired by each writer, in each data set."""
        key = retired_key(pseudonym)
        return [
            sum(
                record[0] == key
                for name in DATA_SETS
                for record in each.log.of(each.topics.listens(name))
            )
            for each in self.writers
        ]

    def close(self):
        for each in self.doors:
            each.close()
        self.serving.stop()


@pytest.fixture(params=[1, 2], ids=["one writer", "two writers"])
def town(request):
    made = Town(request.param)
    yield made
    made.close()


def test_an_account_is_resolved_and_retired_by_its_writer_and_the_service_learns_no_name(town):
    for name in NAMES[:3]:
        owner = town.owner_of(name)
        who = pseudonym_bytes(owner.accounts.resolve(name))
        result = town.run("--account", name)
        assert result.exit_code == 0, result.stderr
        assert re.fullmatch("[0-9a-f]{32}\n", result.stdout)
        assert sum(town.retired(who)) == len(DATA_SETS)
        assert owner.listeners.number_of(name) is None
        asked = town.register.get(result.stdout.strip())
        assert asked.id == town.register.request(who).id
        assert not any(name.encode() in value for _, value in town.records)


def test_a_pseudonym_is_retired_whether_anybody_has_it_or_not(town):
    known = pseudonym_bytes(town.owner_of(NAMES[0]).accounts.resolve(NAMES[0]))
    for who in (known, b"\x0a" * 16):
        result = town.run("-", input=f"{who.hex()}\n")
        assert (result.exit_code, result.stderr) == (0, "")
        assert sum(town.retired(who)) >= len(DATA_SETS)
        assert town.register.request(who).id == result.stdout.strip()


def test_whoever_names_not_every_door_is_told_so_and_a_stranger_is_not_retired():
    town = Town(2)
    who = b"\x0a" * 16
    result = town.run(who.hex(), doors=town.doors[:1])
    assert result.exit_code == 1
    assert "there are 2 writers and 1 were asked" in result.stderr
    assert town.retired(who) == [0, 0]
    for name in NAMES:
        result = town.run("--account", name, doors=town.doors[:1])
        is_owner = town.owner_of(name) is town.writers[0]
        assert (result.exit_code == 0) is is_owner
        if not is_owner:
            assert "another writer owns this account" in result.stderr
    town.close()


def test_it_waits_has_the_listener_rest_and_writes_the_certificate(town, tmp_path):
    owner = town.owner_of(NAMES[0])
    who = pseudonym_bytes(owner.accounts.resolve(NAMES[0]))
    early = town.run("--account", NAMES[0], "--wait", "--patience=0.2")
    assert early.exit_code == 1
    assert "requested in 5 shards, and goes on" in early.stderr
    erasure = early.stdout.strip()
    for data_set in (LIVE, HISTORY):
        rebuilt(town.records, erasure, data_set, [], GONE)
    # Run again, the account is a stranger's: by the pseudonym it would be another erasure.
    assert town.register.follow()
    other = town.run("--account", NAMES[0], "--wait", "--patience=0.2")
    assert other.stdout.strip() != erasure
    file = tmp_path / "certificate.json"
    asked = ["erase", "certificate", erasure, f"--address={town.serving.address}"]
    result = CliRunner().invoke(program, [*asked, f"--output={file}"])
    assert (result.exit_code, result.output) == (0, "")
    assert who.hex() in file.read_text()
    listed = CliRunner().invoke(
        program, ["erase", "list", "--format=json", f"--address={town.serving.address}"]
    )
    assert '"certified": true' in listed.stdout
