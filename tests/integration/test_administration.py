"""Topics, catalogues, terms and seals, by the command line on a real broker."""

import json
import re

import pytest
from typer.testing import CliRunner

from sottovoce.cli.program import program
from sottovoce.data_sets.progress import complete_through, latest_progress
from sottovoce.data_sets.registry import Registry
from sottovoce.data_sets.sealing import sealed_through
from sottovoce.kafka import KafkaSettings, LogReader, Topics, TransactionalWriter
from sottovoce.wire import keys
from sottovoce.wire.v1 import cell_pb2, listen_pb2


class CommandLine:
    """The command line against one broker and prefix."""

    def __init__(self, settings: KafkaSettings):
        self.settings = settings

    def __call__(self, *arguments, fails=False):
        told = [
            *("--kafka-bootstrap", self.settings.kafka_bootstrap),
            *("--kafka-topic-prefix", self.settings.kafka_topic_prefix),
        ]
        result = CliRunner().invoke(program, [*arguments, *told])
        assert (result.exit_code != 0) is fails, result.output
        if fails:
            assert result.exit_code == 1
            assert re.fullmatch(r"error: [^\n]+\n", result.stderr)
        return result.stderr if fails else result.stdout


@pytest.fixture
def settings(broker, topic_prefix):
    return KafkaSettings(kafka_bootstrap=broker.bootstrap, kafka_topic_prefix=topic_prefix)


@pytest.fixture
def sottovoce(settings):
    return CommandLine(settings)


@pytest.fixture
def made(sottovoce):
    sottovoce("topics", "create", "--profile", "demo", "--history-from", "2006-01-01")
    return sottovoce


def write_listen(settings, data_set="live"):
    writer = TransactionalWriter(settings, "test")
    with writer.transaction():
        writer.produce(Topics(settings.kafka_topic_prefix).listens(data_set), b"k", b"v")


def test_commands_before_the_topics_are_made_say_what_to_run(sottovoce):
    for command in (
        ("topics", "check"),
        ("catalogue", "list"),
        ("terms", "show"),
        ("seal", "--through", "2020-01-01"),
    ):
        assert "run `sottovoce topics create`" in sottovoce(*command, fails=True)


def test_creating_twice_changes_nothing_and_says_so(sottovoce, settings):
    first = sottovoce("topics", "create", "--profile", "demo", "--shards", "3")
    assert first.count("created topic") == 12
    registry = Registry(settings)
    before = registry.data_sets
    again = sottovoce("topics", "create", "--profile", "demo", "--shards", "5")
    assert "Every topic was there already" in again
    assert "keeps its own shards" in again
    registry.refresh()
    assert registry.data_sets == before
    assert before["live"].shards == 3
    registry.close()


def test_what_was_created_is_as_the_design_has_it(made):
    assert "Every topic is as it should be" in made("topics", "check")
    assert json.loads(made("topics", "check", "--format", "json")) == []
    rows = json.loads(made("topics", "list", "--format", "json"))
    assert len(rows) == 12
    live = next(row for row in rows if row["name"].endswith("listens.live"))
    assert live["partitions"] == 4
    assert live["cleanup_policy"] == "compact,delete"


def test_terms_of_the_profile_and_of_the_options_hold(sottovoce):
    sottovoce("topics", "create", "--profile", "demo", "--listens-per-slice", "7")
    rows = json.loads(sottovoce("terms", "show", "--data-set", "live", "--format", "json"))
    assert [(row["lateness_ms"], row["listens_per_slice"]) for row in rows] == [(2000, 7)]


def test_a_catalogue_is_imported_once_used_and_shown(made, made_up_data, settings):
    file = str(made_up_data / "kaggle_tracks.csv")
    told = made("catalogue", "import", file, "--use")
    assert ": published" in told
    assert "live: catalogue" in told
    assert "history: catalogue" in told
    again = made("catalogue", "import", file, "--use")
    assert "was there already: nothing was changed" in again
    assert "pinned to already" in again
    versions = json.loads(made("catalogue", "list", "--format", "json"))
    assert len(versions) == 1
    assert versions[0]["pinned"] == ["history from its beginning", "live from its beginning"]
    registry = Registry(settings)
    catalogue = registry.catalogue(versions[0]["version"])
    registry.close()
    shown = json.loads(made("catalogue", "show", "latest", "--format", "json"))
    assert shown["tracks"] == len(catalogue) == versions[0]["tracks"]
    assert sum(shown["genres"].values()) == len(catalogue)


def test_a_version_goes_by_its_beginning(made, made_up_data):
    made("catalogue", "import", str(made_up_data / "kaggle_tracks.csv"))
    [row] = json.loads(made("catalogue", "list", "--format", "json"))
    assert "live: catalogue" in made("catalogue", "use", row["version"][:6], "--data-set", "live")
    assert "no catalogue begins with 'zz'" in made("catalogue", "use", "zz", fails=True)


def test_a_file_that_is_no_catalogue_is_refused_in_one_sentence(made, tmp_path):
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    made("catalogue", "import", str(tmp_path / "notes.csv"), fails=True)
    made("catalogue", "import", str(tmp_path / "absent.csv"), fails=True)
    assert json.loads(made("catalogue", "list", "--format", "json")) == []


def test_terms_change_with_a_slice_that_has_not_begun(made, settings):
    write_listen(settings)
    made("terms", "set", "--data-set", "live", "--lateness", "4")
    rows = json.loads(made("terms", "show", "--data-set", "live", "--format", "json"))
    assert [row["lateness_ms"] for row in rows] == [2000, 4000]
    assert rows[1]["from"].endswith((":00Z", ":30Z"))
    assert "nothing to change" in made("terms", "set", "--data-set", "live", fails=True)


def test_bounds_of_written_history_can_only_be_raised(made, settings):
    write_listen(settings, "history")
    told = made("terms", "set", "--data-set", "history", "--listens-per-slice", "5", fails=True)
    assert "can't go down from 200 to 5" in told
    made("terms", "set", "--data-set", "history", "--listens-per-slice", "500")


def test_a_seal_stands_in_every_shard_and_is_never_taken_back(made, settings):
    told = made("seal", "--through", "2010-05-01")
    assert "sealed through 2010-05-01" in told
    assert "already: nothing was changed" in made("seal", "--through", "2010-05-01")
    assert "can't be taken back" in made("seal", "--through", "2010-04-30", fails=True)
    made("seal", "--through", "2011-01-01")
    topic = Topics(settings.kafka_topic_prefix).listens("history")
    with LogReader(settings, [(topic, shard) for shard in range(4)]) as reader:
        records = [(each.partition, each.key, each.value) for each in reader.to_end()]
    assert len(records) == 8
    for shard in range(4):
        throughs = []
        for partition, key, value in records:
            if partition == shard:
                seal = listen_pb2.Control.FromString(value).seal
                assert key == keys.seal_key(seal.through_ms)
                throughs.append(seal.through_ms)
        assert throughs == [1272672000000, 1293840000000]


def test_only_past_days_of_a_data_set_with_seals_can_be_sealed(made):
    assert "lies in the future" in made("seal", "--through", "2999-01-01", fails=True)
    assert "nothing before 2006-01-01" in made("seal", "--through", "2006-01-01", fails=True)
    told = made("seal", "--through", "2020-01-01", "--data-set", "live", fails=True)
    assert "live has no seals" in told
    assert "no data set 'dead'" in made(
        "seal", "--through", "2020-01-01", "--data-set", "dead", fails=True
    )


def test_waiting_for_a_seal_without_a_consumer_says_so(made):
    told = made("seal", "--through", "2010-05-01", "--wait", "--patience", "0", fails=True)
    assert "is sottovoce-consumer running?" in told


def test_seals_that_the_consumer_has_read_are_known_from_its_progress(made, settings):
    """The log behind the consumer may be deleted: its progress keeps the seals."""
    registry = Registry(settings)
    history = registry.data_set("history")
    registry.close()
    topic = Topics(settings.kafka_topic_prefix).cells("history")
    writer = TransactionalWriter(settings, "test")
    for step in range(30):
        with writer.transaction():
            for shard in range(4):
                for filler in range(20):
                    writer.produce(topic, b"d%d-%d" % (step, filler), b"x", partition=shard)
                progress = cell_pb2.ShardProgress(
                    shard=shard,
                    complete_through_ms=1000 * step + shard,
                    epoch=history.epoch,
                    seals=[cell_pb2.SealMark(through_ms=1272672000000)],
                )
                writer.produce(topic, b"p", progress.SerializeToString(), partition=shard)
    with writer.transaction():  # a base in many parts, whose progress is not there yet
        for filler in range(200):
            writer.produce(topic, b"b%d" % filler, b"x", partition=2)
    progress = latest_progress(settings, history)
    assert [each.complete_through_ms for each in progress.values()] == [29000, 29001, 29002, 29003]
    assert complete_through(progress, history) == 29000
    assert sealed_through(settings, history) == 1272672000000
    told = made("seal", "--through", "2009-01-01", fails=True)
    assert "sealed through 2010-05-01 UTC already" in told
    made("seal", "--through", "2010-05-01")


def test_progress_of_another_making_of_the_data_set_does_not_count(made, settings):
    registry = Registry(settings)
    history = registry.data_set("history")
    registry.close()
    writer = TransactionalWriter(settings, "test")
    with writer.transaction():
        stale = cell_pb2.ShardProgress(shard=0, complete_through_ms=5, epoch=b"another")
        topic = Topics(settings.kafka_topic_prefix).cells("history")
        writer.produce(topic, b"p", stale.SerializeToString(), partition=0)
    assert latest_progress(settings, history) == {}
    assert complete_through({}, history) is None
