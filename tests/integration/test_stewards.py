"""One command erases an account: vault, log, cells, names, connection, and the certificate."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time

import pytest
from tests.integration.consumer_process import Place
from tests.integration.consumer_without_spark import ConsumerWithoutSpark
from tests.integration.erasing import (
    assert_equal,
    compact_quickly,
    is_of,
    logs_of,
    never_saw,
    until,
)
from tests.integration.stewarding import Desk

from sottovoce.data_sets.data_set import DAY_MS, PROFILES
from sottovoce.data_sets.terms import Terms
from sottovoce.kafka import LogReader
from sottovoce.wire.v1 import data_set_pb2
from sottovoce_producer.counts import outcomes
from sottovoce_producer.plays import PlayRow, Plays
from sottovoce_producer.vault import pseudonym_bytes
from sottovoce_producer.writer import Batch

DATA_SETS = [dataclasses.replace(each, shards=2) for each in PROFILES["standard"].values()]
TERMS = [Terms("live", listens_per_slice=20), Terms("history", listens_per_slice=200)]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def place(broker, topic_prefix):
    made = Place.make(broker.bootstrap, topic_prefix, DATA_SETS, TERMS)
    compact_quickly(made)
    return made


def now():
    return time.time_ns() // 1_000_000


def write(desk, account, titles, data_set="live", at_ms=None):
    end = at_ms or now()
    rows = [
        PlayRow(account, "", f"Artist of {title}", title, "", end - 1_000 * place)
        for place, title in enumerate(titles)
    ]
    plays, malformed = Plays.from_rows(rows)
    return desk.assembly.writer.write(Batch(data_set, plays, "s", None, len(malformed)))


def names(place):
    """The titles that `tracks` tells."""
    latest = {}
    with LogReader(place.settings, [(place.topics.tracks, 0)]) as reader:
        for record in reader.to_end():
            latest[record.key] = record.value
    return {data_set_pb2.TrackName.FromString(each).title for each in latest.values() if each}


def finish(process, consumer):
    """Let the consumer work until the command has ended."""
    until(lambda: consumer.run() or process.poll() is not None, seconds=240)
    out, err = process.communicate()
    return out, err, process.returncode


def test_one_command_erases_an_account_and_nothing_is_left_of_it(place, tmp_path):
    key, file = tmp_path / "key.pem", tmp_path / "certificate.json"
    assert subprocess.run([sys.executable, "-m", "sottovoce", "erase", "key", key]).returncode == 0
    with Desk(place, erasure_key_file=key) as desk:
        old = now() - 40 * DAY_MS
        desk.assembly.writer.connect("ann", b"tokens")
        write(desk, "ann", ["Hers", "Shared"])
        write(desk, "ann", ["Hers", "Long ago", "Theirs once"], "history", old)
        write(desk, "bob", ["Shared", "His"])
        write(desk, "bob", ["Theirs once"], "history", old)
        who = pseudonym_bytes(desk.assembly.accounts.resolve("ann"))
        consumer = ConsumerWithoutSpark(place.settings)
        consumer.run()
        assert names(place) == {"Hers", "Shared", "Long ago", "Theirs once", "His"}
        told = desk.replica.materialiser.sources.book.names
        until(lambda: len(told) == 5)
        before = {name: logs_of(place, name) for name in place.data_sets}

        process = desk.start("erase", "request", "--account=ann", f"--output={file}")
        out, err, code = finish(process, consumer)
        assert (code, err) == (0, ""), err
        assert json.loads(file.read_text())["statement"]["complete"]
        assert json.loads(file.read_text())["statement"]["erasure"] == out.strip()
        verified = desk.run("erasure", "verify", str(file), f"--public-key={key}.pub")
        assert verified.returncode == 0, verified.stderr

        views = place.views()
        for name, logs in before.items():
            for shard, oracle in never_saw(place, name, logs, [who]).items():
                assert_equal(views[name, shard], oracle)
            assert not any(
                is_of(each, [who]) for log in logs_of(place, name).values() for each in log
            )
        listeners = desk.assembly.writer.state.listeners
        assert listeners.connections() == {}
        with LogReader(place.settings, [(place.topics.vault, 0)]) as reader:
            vault = {record.key: record.value for record in reader.to_end()}
        assert vault[listeners.record_key("ann")] is None
        assert pseudonym_bytes(desk.assembly.accounts.resolve("ann")) != who

        # Names that only she announced are gone, everywhere; the others stay.
        assert names(place) == {"Shared", "Theirs once", "His"}
        until(lambda: len(told) == 3)
        # Whoever plays it next tells it again: the writer knows that it is told no more.
        write(desk, "bob", ["Hers"])
        assert names(place) == {"Shared", "Theirs once", "His", "Hers"}
        # She rests: from tomorrow on she is somebody new.
        assert outcomes(write(desk, "ann", ["Hers"])) == {"resting": 1}


def test_an_account_and_a_pseudonym_that_nobody_has_are_erased_in_the_same_way(place):
    with Desk(place) as desk:
        write(desk, "ann", ["Hers"])
        consumer = ConsumerWithoutSpark(place.settings)
        consumer.run()
        found = []
        for whom in ("--account=ann", "--account=nobody", "ab" * 16):
            process = desk.start("erase", "request", whom, "--wait")
            out, err, code = finish(process, consumer)
            erasure = out.strip()
            steps = json.loads(desk.run("erase", "status", erasure, "--format=json").stdout)
            found.append((len(erasure), err, code, steps))
        assert found[0] == found[1] == found[2]
        assert found[0][1:3] == ("", 0)
        assert {each["step"] for each in found[0][3]} == {"gone"}
        # No retirement is left in the progress, though some were retired twice.
        assert not any(view.progress.retired for view in place.views().values())
        refused = desk.run("erase", "certificate", erasure)
        assert refused.returncode == 1
        assert "no key to sign certificates with" in refused.stderr
        assert desk.run("erase", "request").stderr == (
            "error: give a pseudonym or --account NAME, one of the two\n"
        )


def test_a_door_that_does_not_answer_is_named_and_the_erasure_goes_on_when_it_does(place):
    with Desk(place) as desk:
        write(desk, "ann", ["Hers"])
        who = pseudonym_bytes(desk.assembly.accounts.resolve("ann"))
        lost = desk.run("erase", "request", who.hex(), "--producer=127.0.0.1:1")
        assert lost.returncode == 1
        assert "the producer at 127.0.0.1:1 did not do it" in lost.stderr
        assert "Run this again" in lost.stderr
        again = desk.run("erase", "request", who.hex())
        assert (again.returncode, again.stdout) == (0, lost.stdout)
        two = desk.run(
            "erase", "request", who.hex(),
            f"--producer={desk.door.address}", f"--producer={desk.door.address}",
        )  # fmt: skip
        assert "there are 1 writers and 2 were asked" in two.stderr
