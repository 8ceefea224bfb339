"""A listening history through the real writer into a real log."""

from __future__ import annotations

import csv
import gzip
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tests.unit.producer.exports import (
    PRIVATE,
    extended_row,
    from_real_log,
    write_json,
    write_zip,
)

from sottovoce.cells import CellContent
from sottovoce.data_sets import PROFILES
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS
from sottovoce.kafka import KafkaSettings, LogReader, Topics
from sottovoce.wire.listens import view_listens
from sottovoce_producer.assembly import assemble
from sottovoce_producer.settings import WriterSettings
from sottovoce_producer.sources.history import HistoryImport
from sottovoce_producer.sources.history_check import check_files
from sottovoce_producer.sources.history_files import find_files

STANDARD = list(PROFILES["standard"].values())
SEED = "history-test"


@pytest.fixture
def settings(broker, topic_prefix):
    made = KafkaSettings(kafka_bootstrap=broker.bootstrap, kafka_topic_prefix=topic_prefix)
    create_data_sets(made, STANDARD)
    return made


def writer_settings(settings: KafkaSettings) -> WriterSettings:
    return WriterSettings(
        kafka_bootstrap=settings.kafka_bootstrap,
        kafka_topic_prefix=settings.kafka_topic_prefix,
        pseudonym_seed=SEED,
    )


def listens_of(settings: KafkaSettings) -> list[bytes]:
    """Every listen of `history`, whole, in the order of its bytes."""
    topic = Topics(settings.kafka_topic_prefix).listens("history")
    shards = next(each.shards for each in STANDARD if each.name == "history")
    with LogReader(settings, [(topic, shard) for shard in range(shards)]) as reader:
        return sorted(record.value for record in reader.to_end() if record.value)


def everything_in(settings: KafkaSettings, topic: str, shards: int = 1) -> bytes:
    with LogReader(settings, [(topic, shard) for shard in range(shards)]) as reader:
        return b"".join(record.key + (record.value or b"") for record in reader.to_end())


def take(settings: KafkaSettings, *paths, account="me", **options):
    export = check_files(find_files(paths).plays, account)
    importing = HistoryImport(export, account, **options)
    assembly = assemble(writer_settings(settings))
    try:
        importing.run(assembly.writer)
    finally:
        assembly.close()
    return importing


def command(settings: KafkaSettings, *arguments) -> list[str]:
    flags = ["--kafka-bootstrap", settings.kafka_bootstrap]
    flags += ["--kafka-topic-prefix", settings.kafka_topic_prefix]
    flags += ["--pseudonym-seed", SEED, "--hand-over", "never"]
    return [sys.executable, "-m", "sottovoce_producer.main", "history", *arguments, *flags]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "160"}


@pytest.fixture
def real_export(tmp_path, real_data):
    """The real log as the export that it was taken from."""
    with gzip.open(real_data / "spotify_extended_listens.csv.gz", "rt", encoding="utf-8") as file:
        rows = from_real_log(csv.DictReader(file))
    third = len(rows) // 3
    parts = [rows[:third], rows[third : 2 * third], rows[2 * third :]]
    return write_zip(
        tmp_path / "my_spotify_data.zip",
        {f"MyData/endsong_{part}.json": some for part, some in enumerate(parts)},
    )


def test_a_real_history_imported_twice_and_interrupted_is_in_the_log_once(
    settings, real_export, topic_prefix
):
    export = check_files(find_files([real_export]).plays, "me")
    interrupted = HistoryImport(export, "me")
    asked = iter([False, False, True])
    assembly = assemble(writer_settings(settings))
    interrupted.run(assembly.writer, stopped=lambda: next(asked, True))
    assembly.close()
    assert not interrupted.complete
    partly = listens_of(settings)
    assert partly

    assert take(settings, real_export).complete
    whole = listens_of(settings)
    again = take(settings, real_export)
    assert all(report.done_before == report.checked.rows for report in again.reports)
    forced = take(settings, real_export, from_start=True)
    assert sum(report.counts.taken for report in forced.reports) == 0
    assert listens_of(settings) == whole

    other = settings.model_copy(update={"kafka_topic_prefix": f"{topic_prefix}once."})
    create_data_sets(other, STANDARD)
    once = take(other, real_export)
    assert len(listens_of(other)) == sum(report.counts.taken for report in once.reports)
    assert _as_plays(listens_of(other)) == _as_plays(whole)
    assert _as_cells(listens_of(other)) == _as_cells(whole)


def _as_cells(listens: list[bytes]) -> dict[int, bytes]:
    """Return the bytes of each slice's cell."""
    columns = view_listens(b"".join(listens))
    slices = columns["end_time_ms"] // DAY_MS * DAY_MS
    cells = {}
    for slice_ms in np.unique(slices).tolist():
        content = CellContent()
        content.update(columns[slices == slice_ms], slice_ms=slice_ms, pane_ms=HOUR_MS)
        cells[slice_ms] = content.payload()
    return cells


def _as_plays(listens: list[bytes]) -> list[tuple]:
    columns = view_listens(b"".join(listens))
    names = ("listener_high", "listener_low", "track_high", "track_low", "end_time_ms", "ms_played")
    return sorted(zip(*(columns[name].tolist() for name in names), strict=True))


def test_nothing_private_is_written_anywhere(settings, tmp_path):
    path = write_json(
        tmp_path / "endsong_0.json",
        [extended_row(), extended_row(ts="2023-03-05T05:06:07Z", conn_country=PRIVATE[0])],
    )
    importing = take(settings, path, account="an-account-name")
    assert importing.reports[0].counts.taken == 1
    topics = Topics(settings.kafka_topic_prefix)
    shards = STANDARD[0].shards
    written = b"".join(
        everything_in(settings, topic, count)
        for topic, count in (
            (topics.listens("history"), shards),
            (topics.vault, 1),
            (topics.cursors, 1),
            (topics.tracks, 1),
        )
    )
    assert b"A Song" in written
    for secret in (*PRIVATE, "an-account-name", "endsong"):
        assert secret.encode() not in written


@pytest.mark.slow
def test_an_import_killed_at_any_point_goes_on_where_it_stood(settings, tmp_path):
    rows = [
        extended_row(
            ts=f"{2000 + number // 1000}-03-{1 + number % 28:02}T{number % 24:02}:00:07Z",
            ms_played=number,
        )
        for number in range(20_000)
    ]
    path = write_zip(
        tmp_path / "data.zip",
        {f"endsong_{part}.json": rows[part::40] for part in range(40)},
    )
    chance = random.Random(7)
    for _ in range(3):
        running = subprocess.Popen(
            command(settings, str(path)),
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        began = time.monotonic()
        before = len(listens_of(settings))
        while len(listens_of(settings)) == before and time.monotonic() - began < 60:
            if running.poll() is not None:
                break
        time.sleep(chance.random() * 0.3)
        running.send_signal(signal.SIGKILL)
        running.wait()
    done = subprocess.run(
        command(settings, str(path)), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    killed = _as_plays(listens_of(settings))
    assert len(killed) == len(set(killed))
    assert take(settings, path, from_start=True).complete
    assert _as_plays(listens_of(settings)) == killed


def test_the_command_tells_what_became_of_every_row(settings, tmp_path):
    nothing = {
        "spotify_track_uri": None,
        "master_metadata_track_name": None,
        "master_metadata_album_artist_name": None,
    }
    path = write_json(
        tmp_path / "Streaming_History_Audio_2023_0.json",
        [
            extended_row(),
            extended_row(),
            extended_row(**nothing, episode_name="E"),
            extended_row(ts="garbage"),
        ],
    )
    done = subprocess.run(
        command(settings, str(path)), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    cells = done.stdout.splitlines()[1].split()
    assert cells[-6:] == ["4", "0", "1", "1", "1", "1"]
    assert "1 not taken: podcast" in done.stdout
    assert "1 unreadable: ts is no time, first in row 4" in done.stdout
    assert not any(secret in done.stdout + done.stderr for secret in PRIVATE)


def test_the_command_tells_that_a_forgotten_account_rests(settings, tmp_path):
    assembly = assemble(writer_settings(settings))
    assembly.accounts.forget("me")
    assembly.close()
    path = write_json(tmp_path / "endsong_0.json", [extended_row()])
    done = subprocess.run(
        command(settings, str(path)), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1 not taken: resting" in done.stdout
    assert "import again then, with --from-start" in done.stdout


def test_the_command_refuses_what_is_no_export_in_one_sentence(settings, tmp_path):
    path = tmp_path / "my_spotify_data.zip"
    path.write_bytes(b"PK\x03\x04 cut")
    done = subprocess.run(
        command(settings, str(path)), env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "cut short" in done.stderr
    assert "Traceback" not in done.stderr
