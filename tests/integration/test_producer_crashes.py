"""kill -9 of the producer in mid-stream: nothing lost, nothing twice, ordinals without a gap."""

import dataclasses
import random
import sys
import time
from pathlib import Path

import duckdb
import pytest

from sottovoce.data_sets import PROFILES, Terms
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.kafka import KafkaSettings, Topics
from sottovoce.kafka.offsets import high_watermarks

sys.path.insert(0, str(Path(__file__).parent))
from producer_log import check_log, read_log, run_producer, start_producer

SHARDS = 3
HISTORY = dataclasses.replace(PROFILES["standard"]["history"], shards=SHARDS)
LIVE = dataclasses.replace(PROFILES["standard"]["live"], shards=SHARDS)
START_MS = 1_700_000_000_000


@pytest.fixture
def new_log(broker, topic_prefix):
    """Make data sets under a prefix of their own."""

    def make(name):
        settings = KafkaSettings(
            kafka_bootstrap=broker.bootstrap, kafka_topic_prefix=f"{topic_prefix}{name}."
        )
        terms = [Terms("live"), Terms("history", listens_per_slice=20, slices_per_day=1)]
        create_data_sets(settings, [LIVE, HISTORY], terms)
        return settings

    return make


def written_so_far(settings):
    topic = Topics(settings.kafka_topic_prefix).listens("history")
    return sum(high_watermarks(settings, [(topic, shard) for shard in range(SHARDS)]).values())


def kill_in_mid_stream(settings, arguments, times, seed):
    """Start, kill a random while after the first write, several times; return how many died."""
    chance = random.Random(seed)
    killed = 0
    for _ in range(times):
        before = written_so_far(settings)
        process = start_producer(settings, *arguments)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if written_so_far(settings) > before:
                break
        time.sleep(chance.uniform(0.0, 0.3))
        process.kill()
        process.communicate()
        killed += process.returncode == -9
    return killed


def test_killed_at_random_points_the_simulator_writes_what_an_undisturbed_one_does(
    new_log, tmp_path
):
    def arguments(truth):
        return (
            "run",
            "--simulator-rate=0",
            "--simulator-data-set=history",
            f"--simulator-start-ms={START_MS}",
            "--simulator-plays=60000",
            "--simulator-batch-plays=400",
            "--simulator-listeners=300",
            f"--truth-folder={tmp_path / truth}",
        )

    calm, rough = new_log("calm"), new_log("rough")
    code, _, err = run_producer(calm, *arguments("calm"))
    assert code == 0, err
    assert kill_in_mid_stream(rough, arguments("rough"), times=3, seed=1) >= 2
    code, _, err = run_producer(rough, *arguments("rough"))
    assert code == 0, err
    expected, found = read_log(calm, "history", SHARDS), read_log(rough, "history", SHARDS)
    assert len(expected.values) > 4_000
    assert found.values == expected.values
    check_log(found, HISTORY.slice_ms, SHARDS)
    for name, log in (("calm", expected), ("rough", found)):
        rows = duckdb.sql(f"select listener || event from '{tmp_path / name}/*.parquet'").fetchall()
        assert sorted(bytes.fromhex(each) for (each,) in rows) == sorted(log.values)


def test_a_killed_import_goes_on_and_a_second_one_changes_nothing(new_log, real_data):
    file = real_data / "spotify_extended_listens.csv.gz"
    calm, rough = new_log("calm"), new_log("rough")
    code, out, err = run_producer(calm, "log", file)
    assert code == 0, err
    assert "220 rows: no track (first in line 60)" in out
    arguments = ("log", file, "--batch-plays=20")
    kill_in_mid_stream(rough, arguments, times=2, seed=2)
    code, _, err = run_producer(rough, *arguments)
    assert code == 0, err
    expected = read_log(calm, "history", SHARDS)
    found = read_log(rough, "history", SHARDS)
    assert found.values == expected.values
    check_log(found, HISTORY.slice_ms, SHARDS)
    code, out, _ = run_producer(rough, *arguments)
    assert code == 0
    assert "gone on where it stood: 0 plays" in out
    assert read_log(rough, "history", SHARDS).records == found.records
    code, out, _ = run_producer(rough, "log", file, "--batch-plays=50000", "--replicas=2")
    assert "duplicate" in out


def test_a_real_log_is_counted_as_its_rows_say(new_log, real_data, tmp_path):
    settings = new_log("real")
    file = real_data / "spotify_listens.csv.gz"
    code, out, err = run_producer(settings, "log", file, f"--truth-folder={tmp_path}")
    assert code == 0, err
    bounded = (
        "select *, row_number() over (partition by user_id, end_time::date) as place from "
        f"(select user_id, end_time::timestamp as end_time, artist_name, track_name, ms_played "
        f"from read_csv('{file}', header=true))"
    )
    expected = duckdb.sql(
        f"select user_id, count(*) from ({bounded}) where place <= 20 group by 1 order by 2"
    ).fetchall()
    found = duckdb.sql(
        f"select listener, count(*) from '{tmp_path}/*.parquet' group by 1 order by 2"
    ).fetchall()
    assert [count for _, count in found] == [count for _, count in expected]
    check_log(read_log(settings, "history", SHARDS), HISTORY.slice_ms, SHARDS)
    assert "over listens per slice" in out
