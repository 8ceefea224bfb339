"""Settings from flags and environment."""

import pytest
from pydantic import Field

from sottovoce.service.settings import InvalidSettingsError, ServiceSettings, load_settings


class ExampleSettings(ServiceSettings):
    """An example."""

    rate: float = Field(3.0, gt=0, description="How fast")


def test_flags_beat_the_environment_and_the_environment_beats_defaults(monkeypatch):
    monkeypatch.setenv("SOTTOVOCE_KAFKA_BOOTSTRAP", "environment:1")
    assert load_settings(ExampleSettings, "x", []).kafka_bootstrap == "environment:1"
    flagged = load_settings(ExampleSettings, "x", ["--kafka-bootstrap", "flag:1", "--rate", "4"])
    assert (flagged.kafka_bootstrap, flagged.rate) == ("flag:1", 4.0)


def test_wrong_values_are_named_with_their_bound():
    with pytest.raises(InvalidSettingsError, match=r"metrics_port.*65535.*rate.*greater than 0"):
        load_settings(ExampleSettings, "x", ["--rate", "-1", "--metrics-port", "99999"])


def test_help_describes_every_setting(capsys):
    with pytest.raises(SystemExit) as ended:
        load_settings(ExampleSettings, "x", ["--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name, field in ExampleSettings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in shown
        assert field.description
        assert field.description in shown
