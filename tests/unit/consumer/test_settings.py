from __future__ import annotations

import pytest

from sottovoce.errors import SottovoceError
from sottovoce.kafka.errors import LostRecordsError
from sottovoce_consumer.errors import StreamFailedError
from sottovoce_consumer.settings import ConsumerSettings
from sottovoce_consumer.stream import failure_of


def test_settings_reach_sparks_other_processes_without_their_secrets(monkeypatch):
    monkeypatch.delenv("SOTTOVOCE_KAFKA_SASL_PASSWORD", raising=False)
    monkeypatch.setenv("SOTTOVOCE_MAX_LISTENS_PER_TASK", "77")
    given = ConsumerSettings(
        kafka_bootstrap="broker:1", kafka_sasl_password="quiet", data_sets=("live",)
    )
    monkeypatch.setenv("SOTTOVOCE_MAX_LISTENS_PER_TASK", "99")
    assert "quiet" not in given.to_option()
    there = ConsumerSettings.from_option(given.to_option())
    assert there.kafka_sasl_password is None
    assert (there.kafka_bootstrap, there.data_sets) == ("broker:1", ("live",))
    assert there.max_listens_per_task == 77
    monkeypatch.setenv("SOTTOVOCE_KAFKA_SASL_PASSWORD", "")
    given.export_secrets()
    assert ConsumerSettings.from_option(given.to_option()) == given


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "Failed when ...\nsottovoce.kafka.errors.LostRecordsError: listens.live[0]: offset 3\n",
            LostRecordsError,
            "listens.live[0]: offset 3",
        ),
        ("Job aborted\nTask was killed", StreamFailedError, "Spark's query ended: Task was killed"),
        ("", StreamFailedError, "Spark's query ended: it gave no reason"),
    ],
)
def test_what_failed_elsewhere_is_told_in_one_sentence(text, kind, message):
    error = failure_of(RuntimeError(text))
    assert isinstance(error, SottovoceError)
    assert type(error) is kind
    assert str(error) == message
