"""What a consumer needs before it takes the place of one that runs."""

import pytest

from sottovoce_consumer.main import main


def test_without_java_it_ends_with_one_sentence_before_it_speaks_to_kafka(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(["--kafka-bootstrap=127.0.0.1:1"])
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert told.startswith("error: No Java found")
    assert told.count("\n") == 1
