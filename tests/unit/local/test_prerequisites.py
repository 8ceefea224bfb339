import socket
from pathlib import Path

import pytest

from sottovoce.errors import SottovoceError
from sottovoce.local import ports, prerequisites


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ('java version "1.8.0_392"', 8),
        ('openjdk version "11.0.22" 2024-01-16', 11),
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', 17),
        ('Picked up JAVA_TOOL_OPTIONS: -Dx=1\nopenjdk version "21" 2023-09-19', 21),
        ('openjdk version "24-ea" 2025-03-18', 24),
        ("no such thing", None),
    ],
)
def test_the_version_of_java_is_read_from_what_it_prints(told, version):
    assert prerequisites.java_version(told) == version


def fake_java(home: Path, version: str, code: int = 0) -> None:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\nexit {code}\n")
    program.chmod(0o755)


def test_java_home_comes_before_the_path(tmp_path, monkeypatch):
    fake_java(tmp_path, "21.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    found = prerequisites.java()
    assert found.met
    assert found.sentence.startswith("Java 21 (from JAVA_HOME: ")


def test_an_old_java_is_refused_in_one_sentence(tmp_path, monkeypatch):
    fake_java(tmp_path, "1.8.0_392")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SottovoceError, match=r"^Java 8 .* is too old; install Java 17 or newer"):
        prerequisites.java().require()


def test_a_java_that_fails_when_run_does_not_count(tmp_path, monkeypatch):
    fake_java(tmp_path, "17.0.1", code=3)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert "failed" in prerequisites.java().sentence
    assert not prerequisites.java().met


def test_a_java_home_that_points_nowhere_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    found = prerequisites.java()
    assert not found.met
    assert found.sentence.startswith(f"JAVA_HOME is {tmp_path / 'gone'}, but ")


def test_no_java_at_all_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert prerequisites.java().sentence == (
        "No Java found: there is no `java` on the PATH; "
        "install Java 17 or newer (a headless JRE will do)."
    )


@pytest.mark.parametrize(("version", "met"), [((3, 11), False), ((3, 12), True), ((3, 13), True)])
def test_python_must_be_new_enough(version, met):
    assert prerequisites.python(version).met is met


def test_disk_is_judged_where_the_folder_will_be(tmp_path):
    folder = tmp_path / "not" / "yet"
    assert prerequisites.disk(folder, at_least=1).met
    short = prerequisites.disk(folder, at_least=1 << 60)
    assert not short.met
    assert str(tmp_path) in short.sentence


def test_a_busy_port_names_the_port_and_the_setting():
    with socket.socket() as server:
        server.bind((ports.LOOPBACK, 0))
        server.listen()
        busy = server.getsockname()[1]
        found = prerequisites.port(busy, "SOTTOVOCE_BROKER_PORT")
        assert not found.met
        assert found.sentence.startswith(f"Port {busy} is taken")
        assert "set SOTTOVOCE_BROKER_PORT to another port" in found.sentence
    assert prerequisites.port(busy, "SOTTOVOCE_BROKER_PORT").met


def test_the_holder_of_a_port_is_read_from_either_tool():
    assert ports._from_lsof("p4711\ncjava\n") == "java (pid 4711)"
    assert ports._from_ss('LISTEN 0 5 *:1 *:* users:(("java",pid=7,fd=145))') == "java (pid 7)"
    assert ports._from_lsof("") is None
    assert ports._from_ss("") is None


def test_a_free_port_is_below_the_ports_of_outgoing_connections():
    assert 20_000 <= ports.free_port() < 30_000
