"""The file of callers: what it may hold, what it gives away, when it is read again."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from pydantic import ValidationError

from sottovoce.service.access import (
    Callers,
    CallersFileError,
    Entry,
    Role,
    new_token,
    read_callers,
    token_hash,
    write_callers,
)
from sottovoce.service.access.callers_file import LOOK_SECONDS, CallersFile
from sottovoce.service.access.rates import NO_LIMIT, Limit


def entry(token, name="dashboard", roles=(Role.ANALYST,), **more):
    return Entry(name=name, roles=roles, token_sha256=token_hash(token), **more)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "callers.json"


def test_tokens_are_256_random_bits_and_only_their_hash_is_kept(path):
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(each.startswith("sv_") and len(each) == 3 + 43 for each in tokens)
    token = tokens.pop()
    write_callers(path, Callers([entry(token)]))
    assert token[3:] not in path.read_text()
    assert hashlib.sha256(token.encode()).hexdigest() in path.read_text()


def test_a_file_reads_as_it_was_written_and_is_its_owners_alone(path):
    token = new_token()
    certified = Entry(name="importer", roles={Role.WRITER}, certificate="importer.example")
    written = Callers([entry(token, roles=(Role.OPERATOR, Role.ANALYST)), certified])
    write_callers(path, written)
    assert read_callers(path).entries == written.entries
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["callers.json"]


def test_a_caller_is_found_by_its_token_or_a_name_of_its_certificate():
    token = new_token()
    certified = Entry(name="importer", roles={Role.WRITER}, certificate="spiffe://here/importer")
    callers = Callers([entry(token), certified], Limit(5, 10))
    assert callers.by_token(token).caller.name == "dashboard"
    assert callers.by_token(token).limit == Limit(5, 10)
    assert callers.by_token(new_token()) is None
    assert callers.by_token(token_hash(token)) is None
    assert callers.by_certificate(["x", "spiffe://here/importer"]).caller.name == "importer"
    assert callers.by_certificate([]) is None
    assert callers.by_certificate(["dashboard"]) is None


def test_an_entrys_own_limit_goes_before_the_services():
    slow, free = new_token(), new_token()
    entries = [entry(slow, rate_per_second=1, rate_burst=2), entry(free, rate_per_second=0)]
    callers = Callers(entries, Limit(5, 10))
    assert callers.by_token(slow).limit == Limit(1, 2)
    assert callers.by_token(free).limit == Limit(0, 10)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"roles": []}, "at least 1 item"),
        ({"roles": ["king"]}, "'analyst', 'steward', 'operator' or 'writer'"),
        ({"token_sha256": "sv_secret"}, "match pattern"),
        ({"certificate": "also"}, "either token_sha256 or certificate"),
        ({"token_sha256": None}, "either token_sha256 or certificate"),
        ({"expires_at": "2026-01-01T00:00:00"}, "timezone"),
        ({"tokne": 1}, "not permitted"),
        ({"name": "a b"}, "match pattern"),
    ],
)
def test_a_wrong_file_is_refused_without_repeating_it(path, wrong, said):
    good = {"name": "a", "roles": ["analyst"], "token_sha256": token_hash("sv_x")}
    path.write_text(json.dumps({"callers": [good | wrong]}))
    with pytest.raises(CallersFileError, match=said) as refused:
        read_callers(path)
    assert str(path) in str(refused.value)
    assert "sv_secret" not in str(refused.value)


def test_one_token_is_one_entrys():
    token = new_token()
    with pytest.raises(CallersFileError, match="first and second are both let in by"):
        Callers([entry(token, "first"), entry(token, "second")])


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b'{"callers": 1}'])
def test_what_is_no_list_of_callers_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(CallersFileError, match=r"callers\.json"):
        read_callers(path)


def test_entries_don_t_change():
    with pytest.raises(ValidationError):
        entry(new_token()).name = "other"


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_change_is_seen_within_a_second_and_the_file_is_not_looked_at_more_often(path, clock):
    token = new_token()
    write_callers(path, Callers([entry(token)]))
    file = CallersFile(path, NO_LIMIT, clock)
    write_callers(path, Callers())
    clock.now = LOOK_SECONDS - 0.01
    assert file.current().by_token(token) is not None
    clock.now = LOOK_SECONDS
    assert file.current().by_token(token) is None


def test_a_link_that_is_switched_over_is_a_change(tmp_path, clock):
    token = new_token()
    for folder, callers in (("old", Callers([entry(token)])), ("new", Callers())):
        (tmp_path / folder).mkdir()
        write_callers(tmp_path / folder / "callers.json", callers)
        os.utime(tmp_path / folder / "callers.json", (1, 1))
    link = tmp_path / "..data"
    link.symlink_to("old")
    file = CallersFile(link / "callers.json", NO_LIMIT, clock)
    (tmp_path / "next").symlink_to("new")
    (tmp_path / "next").replace(link)
    clock.now += LOOK_SECONDS
    assert file.current().by_token(token) is None


@pytest.mark.parametrize("breaks", [lambda path: path.write_text("{"), os.unlink])
def test_a_file_that_breaks_changes_nothing_until_it_is_whole_again(path, clock, breaks, capsys):
    token = new_token()
    write_callers(path, Callers([entry(token)]))
    file = CallersFile(path, NO_LIMIT, clock)
    breaks(path)
    for _ in range(3):
        clock.now += LOOK_SECONDS
        assert file.current().by_token(token) is not None
        assert file.broken
    said = capsys.readouterr()
    assert (said.out + said.err).count("the callers known before stay") == 1
    write_callers(path, Callers())
    clock.now += LOOK_SECONDS
    assert file.current().by_token(token) is None
    assert not file.broken
