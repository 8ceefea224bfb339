"""`sottovoce access`, and `sottovoce ask` with what it makes."""

from __future__ import annotations

import json
import re

import pytest
from tests.unit.query.conftest import serve
from tests.unit.query.crowd import Crowd
from tests.unit.query.serving import Serving, ServingSettings
from typer.testing import CliRunner

from sottovoce.cli.program import program
from sottovoce.service.access import Role, read_callers, token_hash


@pytest.fixture
def path(tmp_path):
    return tmp_path / "callers.json"


@pytest.fixture
def run(path):
    def run(*arguments, fails=False, **environment):
        told = {"SOTTOVOCE_ACCESS_FILE": str(path), **environment}
        result = CliRunner(env=told).invoke(program, arguments)
        if fails:
            assert result.exit_code == 1, result.output
            assert re.fullmatch(r"error: [^\n]+\n", result.stderr)
            return result.stderr
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_a_token_is_printed_once_and_its_hash_is_kept(run, path):
    token = run("access", "create-token", "dashboard", "--role", "analyst").strip()
    [entry] = read_callers(path).entries
    assert (entry.name, entry.roles) == ("dashboard", {Role.ANALYST})
    assert entry.token_sha256 == token_hash(token)
    assert (entry.expires_at - entry.created_at).days == 90
    assert token not in path.read_text()
    assert token not in run("access", "list")


def test_entries_are_listed_and_revoked_by_caller_or_one_by_one(run, path):
    run("access", "create-token", "a", "--role", "analyst", "--role", "operator")
    run("access", "create-token", "a", "--role", "analyst", "--expires", "never")
    run("access", "create-token", "b", "--role", "steward", "--rate-per-second", "2")
    run("access", "allow-certificate", "c", "--certificate", "c.example", "--role", "writer")
    rows = json.loads(run("access", "list", "--format", "json"))
    assert [each["roles"] for each in rows] == [
        "analyst, operator",
        "analyst",
        "steward",
        "writer",
    ]
    assert rows[1]["expires_at"] == "never"
    assert rows[3]["id"] == "c.example"
    run("access", "revoke", "a", "--id", rows[0]["id"])
    assert [each.name for each in read_callers(path).entries] == ["a", "b", "c"]
    run("access", "revoke", "a")
    run("access", "revoke", "c")
    assert [each.name for each in read_callers(path).entries] == ["b"]


def test_what_can_t_be_done_is_one_sentence(run, path):
    assert "can't be read" in run("access", "list", fails=True)
    run("access", "create-token", "a", "--role", "analyst")
    assert "there is no b" in run("access", "revoke", "b", fails=True)
    assert "a has no x" in run("access", "revoke", "a", "--id", "x", fails=True)
    token = ("access", "create-token")
    assert "--expires" in run(*token, "b", "--role", "analyst", "--expires", "soon", fails=True)
    assert "got 'b b'" in run(*token, "b b", "--role", "analyst", fails=True)
    before = path.read_text()
    path.write_text("broken")
    assert "no file of callers" in run(*token, "b", "--role", "analyst", fails=True)
    assert path.read_text() == "broken" != before


def test_ask_shows_a_token_from_the_environment_or_a_file(run, path, tmp_path):
    token = run("access", "create-token", "me", "--role", "analyst").strip()
    crowd = Crowd()
    serving = Serving(access=ServingSettings(access_file=path))
    serving.open(serve({"live": crowd}))
    at = ("--address", serving.address)
    file = tmp_path / "token"
    file.write_text(token)
    for question in (("status",), ("top-tracks", "--last", "90s"), ("search", "song")):
        run("ask", *question, *at, SOTTOVOCE_TOKEN=token)
        run("ask", *question, *at, "--token-file", str(file))
        assert "Bearer TOKEN" in run("ask", *question, *at, fails=True)
    both = {"SOTTOVOCE_TOKEN": token, "SOTTOVOCE_TOKEN_FILE": str(file)}
    said = run("ask", "status", *at, fails=True, **both)
    assert "both set" in said
    assert token not in said
    serving.stop()


def test_a_token_is_no_flag():
    result = CliRunner().invoke(program, ["ask", "status", "--token", "sv_x"])
    assert result.exit_code == 2
    assert "No such option" in result.stderr
