import hashlib
import re

import pytest

from sottovoce.local import ivy, jars
from sottovoce.local.errors import JarsUnavailableError

REFUSING = "http://127.0.0.1:9/"  # the discard port: nobody listens


@pytest.fixture
def lock(monkeypatch):
    content = b"a jar"
    entry = jars.LockedJar("org.example", "thing", "1.0", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(jars, "locked", lambda: [entry])
    return content


def giving(content):
    def retrieve(wanted, into, scratch, *, transitive, on_jar):
        into.mkdir(parents=True)
        for _, module, revision in wanted:
            (into / f"{module}-{revision}.jar").write_bytes(content)
            on_jar()

    return retrieve


def test_every_jar_of_the_lock_has_coordinates_and_a_hash():
    found = jars.locked()
    assert len({jar.file for jar in found}) == len(found) > 40
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in found)
    assert f"kafka_2.13-{jars.KAFKA_VERSION}.jar" in {jar.file for jar in found}


def test_jars_are_fetched_once_and_the_progress_is_told(tmp_path, monkeypatch, lock):
    monkeypatch.setattr(ivy, "retrieve", giving(lock))
    kept, told = jars.KafkaJars(tmp_path / "kafka" / "jars"), []
    kept.fetch(told.append)
    assert kept.present()
    assert told[-1] == f"downloading Kafka {jars.KAFKA_VERSION}, 1 jars: 1 of 1"
    monkeypatch.setattr(ivy, "retrieve", None)
    kept.fetch()
    assert [path.name for path in (tmp_path / "kafka").iterdir()] == ["jars"]


def test_a_jar_with_another_hash_is_refused_and_nothing_is_left(tmp_path, monkeypatch, lock):
    monkeypatch.setattr(ivy, "retrieve", giving(lock + b"!"))
    kept = jars.KafkaJars(tmp_path / "jars")
    with pytest.raises(JarsUnavailableError, match=r"thing-1\.0\.jar .* has SHA-256"):
        kept.fetch()
    assert not kept.present()
    assert list(tmp_path.iterdir()) == []


def test_an_incomplete_folder_is_replaced(tmp_path, monkeypatch, lock):
    monkeypatch.setattr(ivy, "retrieve", giving(lock))
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "old.jar").touch()
    kept = jars.KafkaJars(tmp_path / "jars")
    kept.fetch()
    assert [path.name for path in kept.folder.iterdir()] == ["thing-1.0.jar"]


def test_an_unreachable_repository_is_one_clear_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv(ivy.REPOSITORY_SETTING, REFUSING)
    kept = jars.KafkaJars(tmp_path / "jars")
    with pytest.raises(JarsUnavailableError) as raised:
        kept.fetch()
    said = str(raised.value)
    assert "\n" not in said
    assert said.startswith(f"Can't download from the Maven repository {REFUSING}: ")
    assert f"set {ivy.REPOSITORY_SETTING} to a mirror" in said
    assert list(tmp_path.iterdir()) == []


def test_the_repository_is_a_setting(monkeypatch):
    monkeypatch.delenv(ivy.REPOSITORY_SETTING, raising=False)
    assert ivy.repository() == ivy.MAVEN_CENTRAL
    monkeypatch.setenv(ivy.REPOSITORY_SETTING, "https://mirror.example/maven")
    assert ivy.repository() == "https://mirror.example/maven/"


def test_java_is_told_of_the_proxy_in_the_environment(monkeypatch):
    for name in ("JAVA_TOOL_OPTIONS", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "localhost,.example.org")
    assert ivy.proxy_options() == [
        "-Dhttps.proxyHost=proxy.example",
        "-Dhttps.proxyPort=3128",
        "-Dhttp.nonProxyHosts=localhost|*.example.org",
    ]
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dhttps.proxyHost=other.example")
    assert ivy.proxy_options() == []
