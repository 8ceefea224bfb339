"""`sottovoce ask` against a service on made-up cells."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.query.conftest import serve
from tests.unit.query.crowd import HISTORY, Crowd
from tests.unit.query.serving import Serving
from typer.testing import CliRunner

from sottovoce.cli.asking.ranges import parse_duration, parse_time
from sottovoce.cli.program import program
from sottovoce.client import BadQuestion


@pytest.fixture(scope="module")
def crowd():
    return Crowd()


@pytest.fixture(scope="module")
def address(crowd):
    past = Crowd(HISTORY, 86_400_000 * 12_000, slices=4, listens=400, seed=2)
    crowds = {"live": crowd, "history": past}
    serving = Serving()
    serving.open(serve(crowds))
    yield serving.address
    serving.stop()


@pytest.fixture
def ask(address):
    def run(*arguments, fails=False, at=address):
        result = CliRunner(env={"SOTTOVOCE_QUERY_ADDRESS": at}).invoke(program, ["ask", *arguments])
        if fails:
            assert result.exit_code == 1, result.output
            assert re.fullmatch(r"error: [^\n]+\n", result.stderr)
            return result.stderr
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


ALL = ("--last", "90s")
QUESTIONS = [
    ("top-tracks", *ALL),
    ("top-tracks", *ALL, "--by", "listeners", "--size", "3"),
    ("top-artists", *ALL),
    ("genres", *ALL),
    ("countries", "--last", "10s"),
    ("distinct-listeners",),
    ("distinct-tracks", "--data-set", "history", "--from", "2002-11-09", "--to", "2002-11-11"),
    ("distinct-artists", *ALL),
    ("series", *ALL, "--by", "slice", "--genre", "dub"),
    ("series", "--last", "4s", "--new-listeners"),
    ("window", "1m", "--country", "DE"),
    ("window", "90s", "--artist", "Made-up Artist 3"),
    ("window", "90s", "--artist", "Made-up Artist 3", "--title", "Made-up Song 03"),
    ("correlation", *ALL),
    ("played", *ALL, "--artist", "Outsider 0", "--title", "Unheard"),
    ("sample", "--size", "5"),
    ("similar", "--artist", "Made-up Artist 3", "--title", "Made-up Song 03"),
    ("search", "made-up", "song", "1"),
    ("trends", "--count", "1", "--window", "1m"),
    ("status",),
]


@pytest.mark.parametrize("arguments", QUESTIONS, ids=lambda each: " ".join(each[:1]))
def test_every_question_answers_as_a_table_and_as_json(ask, arguments):
    assert len(ask(*arguments).splitlines()) >= 2
    answer = json.loads(ask(*arguments, "--format", "json"))
    assert isinstance(answer, dict)
    if "basis" in answer:
        assert answer["basis"]["privacy_mode"] == "enforced"
        assert answer["basis"]["range"]["end"].endswith("Z")


def test_figures_are_those_of_the_crowd(ask, crowd):
    rows = crowd.within(crowd.start_ms, crowd.end_ms)
    tracks = json.loads(ask("distinct-tracks", *ALL, "--format", "json"))
    assert tracks["count"]["value"] == len({row.track for row in rows})
    total = json.loads(ask("window", "90s", "--format", "json"))["count"]
    assert total["lower"] <= len(rows) <= total["upper"]
    assert str(len({row.track for row in rows})) in ask("distinct-tracks", *ALL)


def test_a_table_says_what_it_is_about(ask):
    assert "live, 20" in ask("top-tracks", *ALL)


def test_the_status_says_what_a_slice_may_spend(ask):
    assert "privacy mode enforced (epsilon 1e+09 a slice, delta 1e-09)" in ask("status")


def test_without_a_range_the_last_slice_is_meant(ask, crowd):
    answer = json.loads(ask("genres", "--format", "json"))
    begin, end = (datetime.fromisoformat(answer["basis"]["range"][at]) for at in ("start", "end"))
    assert end - begin == timedelta(seconds=30)
    assert end.timestamp() * 1000 == crowd.end_ms


def test_a_range_from_a_time_on_ends_with_what_is_complete(ask, crowd):
    begin = datetime.fromtimestamp(crowd.start_ms / 1000 + 60, UTC).isoformat()
    answer = json.loads(ask("genres", "--from", begin, "--format", "json"))
    end = datetime.fromisoformat(answer["basis"]["range"]["end"])
    assert end.timestamp() * 1000 == crowd.end_ms


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("genres", "--last", "soon"), "--last: 'soon' is no length of time"),
        (("genres", "--last", "0s"), "above 0"),
        (("genres", "--from", "yesterday"), "--from: 'yesterday' is no time"),
        (("genres", "--to", "2026-01-01"), "--to needs --from"),
        (("genres", "--last", "1m", "--from", "2026-01-01"), "not both"),
        (("genres", "--from", "2026-01-02", "--to", "2026-01-01"), "must end after"),
        (("genres", "--from", "2126-01-02", "--to", "2127-01-01"), "complete through"),
        (("genres", "--from", "2026-01-01T00:00:01", "--to", "2026-01-02"), "nearest range"),
        (("genres", "--data-set", "dead"), "no data set 'dead'"),
        (("top-tracks", "--by", "love"), "neither plays nor listeners"),
        (("series", "--by", "year"), "neither pane nor slice"),
        (("series", "--genre", "dub", "--country", "DE"), "name one series"),
        (("series", "--genre", "noise"), "no genre 'noise'"),
        (("window", "1m", "--title", "x"), "--title needs --artist"),
        (("window", "31d"), "at most 30 days"),
        (("window", "12s", "--artist", "Made-up Artist 3"), "nearest window is 20 s"),
        (("window", "90s", "--artist", "Outsider 0", "--title", "Unheard"), "is not in it"),
        (("played",), "name one track"),
        (("played", "x"), "no Spotify id"),
        (("similar", "0" * 22), "no such track"),
    ],
)
def test_a_wrong_question_is_one_sentence(ask, arguments, text):
    assert text in ask(*arguments, fails=True)


def test_a_service_that_is_not_there_is_one_sentence(ask):
    text = ask("status", fails=True, at="127.0.0.1:1")
    assert "no query service answers at 127.0.0.1:1" in text


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("1h30m", timedelta(hours=1.5)),
        ("1.5h", timedelta(hours=1.5)),
        ("7D", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_lengths_of_time(text, length):
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "h", "10", "10 parsecs", "1h later", "9" * 400 + "d"])
def test_what_is_no_length_of_time(text):
    with pytest.raises(BadQuestion):
        parse_duration(text)


def test_times_without_a_zone_are_utc():
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert parse_time("2026-05-01T12:00", "--from") == noon
    assert parse_time("2026-05-01T14:00+02:00", "--from") == noon
    assert parse_time("2026-05-01", "--from") == noon.replace(hour=0)
