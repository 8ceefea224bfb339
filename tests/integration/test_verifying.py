"""Certificates: issued and verified as a steward would, true ones and forged ones."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.consumer_process import Place
from tests.integration.consumer_without_spark import ConsumerWithoutSpark
from tests.integration.erasing import (
    ask,
    compact_quickly,
    listeners_of,
    retire,
    steps,
    until,
)
from tests.integration.stewarding import Desk
from tests.made_up_listens import make_listens

from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS, DataSet
from sottovoce.erasure import CertificateError, Statement, statement_of
from sottovoce.erasure.book import GONE, TOMBSTONED, step_name
from sottovoce.erasure.log import ErasureLog
from sottovoce.local.broker import LocalBroker
from sottovoce.wire.listens import Listens, shard_of
from sottovoce_consumer.settings import ConsumerSettings
from sottovoce_consumer.verifying import Verifier

HISTORY = DataSet("history", by_append_time=False, pane_ms=HOUR_MS, slice_ms=DAY_MS, shards=2)

pytestmark = pytest.mark.timeout(600)


def made(broker: LocalBroker, prefix: str, seed: int) -> tuple[Place, Listens]:
    place = Place.make(broker.bootstrap, prefix, [HISTORY])
    compact_quickly(place)
    first = (time.time_ns() // 1_000_000 // DAY_MS - 20) * DAY_MS
    listens = make_listens(seed, 1_500, from_ms=first, to_ms=first + 3 * DAY_MS, listeners=12)
    place.send("history", listens)
    return place, listens


def carry_through(place: Place, consumer: ConsumerWithoutSpark, step: int) -> None:
    def is_done() -> bool:
        consumer.run()
        return min(steps(place)) >= step

    until(is_done)


def test_a_steward_asks_waits_certifies_and_verifies(
    broker: LocalBroker, topic_prefix: str, tmp_path: Path
) -> None:
    place, listens = made(broker, topic_prefix, 1)
    consumer = ConsumerWithoutSpark(place.settings, listens_per_batch=900, listens_per_task=600)
    consumer.run()
    first, *others = listeners_of(listens)
    second = next(each for each in others if shard_of(each, 2) == shard_of(first, 2))
    key, file = tmp_path / "steward.pem", tmp_path / "certificate.json"
    assert subprocess.run([sys.executable, "-m", "sottovoce", "erase", "key", key]).returncode == 0
    with Desk(place, erasure_key_file=key) as desk:
        asked = desk.run("erase", "request", first.hex())
        assert asked.returncode == 0, asked.stderr
        erasure = asked.stdout.strip()
        assert desk.run("erase", "request", first.hex()).stdout.strip() == erasure
        assert "requested" in desk.run("erase", "list").stdout
        late = desk.run("erase", "status", erasure[:6], "--wait", "--patience=0")
        assert late.returncode == 1
        assert "requested in 2 shards, and goes on" in late.stderr
        early = desk.run("erase", "certificate", erasure)
        assert "is not complete" in early.stderr
        assert not json.loads(early.stdout)["statement"]["complete"]
        carry_through(place, consumer, GONE)
        rows = json.loads(desk.run("erase", "status", erasure, "--format=json").stdout)
        assert [row["step"] for row in rows] == ["gone", "gone"]
        issued = desk.run("erase", "certificate", erasure, f"--output={file}")
        assert (issued.returncode, issued.stderr) == (0, "")
        assert desk.run("erase", "certificate", erasure).stdout == file.read_text()
        verify = ("erasure", "verify", str(file), f"--public-key={key}.pub")
        verified = desk.run(*verify)
        assert verified.returncode == 0, verified.stderr
        assert "holds: 2 shards, 3 cells" in verified.stdout
        assert "note" not in verified.stdout
        # A later erasure of somebody in the same cells supersedes it.
        assert desk.run("erase", "request", second.hex()).returncode == 0
        carry_through(place, consumer, TOMBSTONED)
        verified = desk.run(*verify)
        assert verified.returncode == 0, verified.stderr
        assert "superseded by the erasure" in verified.stdout
        envelope = json.loads(file.read_text())
        envelope["statement"]["listener"] = "00" * 16
        file.write_text(json.dumps(envelope))
        changed = desk.run(*verify)
    assert changed.returncode == 1
    assert "the signature does not fit" in changed.stderr
    assert "Traceback" not in changed.stderr


type Change = Callable[[dict[str, Any]], None]


def in_shards(change: Change) -> Change:
    """A change of the first shard that has cells."""

    def changed(body: dict[str, Any]) -> None:
        change(next(shard for shard in body["shards"] if shard["cells"]))

    return changed


FORGERIES: dict[str, tuple[Change, str]] = {
    "another listener": (lambda body: body.update(listener="ab" * 16), "its listener"),
    "another erasure": (lambda body: body.update(erasure="cd" * 16), "nobody asked"),
    "another time": (lambda body: body.update(requested_at_ms=1), "its requested_at_ms"),
    "another making": (
        lambda body: body["data_sets"][0].update(epoch="00" * 16),
        "its data_sets",
    ),
    "a shard less": (lambda body: body["shards"].pop(), "does not name every shard"),
    "a shard twice": (lambda body: body["shards"].append(body["shards"][0]), "a shard twice"),
    "a cell less": (in_shards(lambda shard: shard["cells"].pop()), "its cells"),
    "another digest": (
        in_shards(lambda shard: shard["cells"][0].update(digest="00" * 32)),
        "its cells",
    ),
    "an earlier N": (in_shards(lambda shard: shard.update(denied_from=1)), "its denied_from"),
    "fewer records": (in_shards(lambda shard: shard["blocks"].clear()), "its blocks"),
    "fewer listens": (in_shards(lambda shard: shard.update(admitted=0)), "its admitted"),
}


def test_what_a_steward_with_the_key_could_forge_is_found(
    broker: LocalBroker, topic_prefix: str
) -> None:
    place, listens = made(broker, topic_prefix, 2)
    listener = listeners_of(listens)[0]
    consumer = ConsumerWithoutSpark(place.settings, listens_per_batch=900, listens_per_task=600)
    consumer.run()
    (request,) = ask(place, [listener])
    retire(place, [listener])
    carry_through(place, consumer, TOMBSTONED)
    early = claims(place, request.erasure)
    verifier = Verifier(settings_of(place))
    assert verifier.verify(early) == ["it was issued before the erasure was complete"] or (
        early.complete
    )
    if not early.complete:
        body = json.loads(early.to_bytes())
        body["complete"] = True
        for shard in body["shards"]:
            shard["step"] = step_name(GONE)
        with pytest.raises(CertificateError, match="it claims the step 'gone'"):
            verifier.verify(statement(body))
    carry_through(place, consumer, GONE)
    true = claims(place, request.erasure)
    verifier = Verifier(settings_of(place))
    assert verifier.verify(true) == []
    assert not early.complete or verifier.verify(early) == []
    for name, (change, why) in FORGERIES.items():
        body = json.loads(true.to_bytes())
        change(body)
        with pytest.raises(CertificateError) as caught:
            verifier.verify(statement(body))
        assert why in str(caught.value), name
    # The records come back, from a source that nobody has told: the claim is true no more.
    mine = listens[[each == listener for each in map(pseudonym_bytes, listens)]]
    place.send("history", mine[:2])
    consumer.run()
    with pytest.raises(CertificateError, match="and the log holds"):
        Verifier(settings_of(place)).verify(true)


def pseudonym_bytes(listen) -> bytes:
    return int(listen["listener_high"]).to_bytes(8, "big") + int(listen["listener_low"]).to_bytes(
        8, "big"
    )


def statement(body: dict[str, Any]) -> Statement:
    return Statement.from_bytes(
        json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )


def claims(place: Place, erasure: str) -> Statement:
    with ErasureLog(place.settings) as log:
        return statement_of(
            log.book.request(erasure),
            log.book.states[erasure].values(),
            place.data_sets.values(),
            issued_at_ms=1,
        )


def settings_of(place: Place) -> ConsumerSettings:
    return ConsumerSettings(
        kafka_bootstrap=place.settings.kafka_bootstrap,
        kafka_topic_prefix=place.settings.kafka_topic_prefix,
    )
