"""Settings from flags and environment."""

import traceback

import pytest
from pydantic import Field, SecretStr, model_validator

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


class PickySettings(ServiceSettings):
    """Settings with a rule over several, and one that must be given."""

    low: int = Field(0, description="The least")
    high: int = Field(description="The most")
    password: SecretStr | None = Field(None, description="A secret")

    @model_validator(mode="after")
    def _check(self):
        if self.low > self.high:
            raise ValueError(f"low {self.low} must not be above high {self.high}")
        return self


@pytest.mark.parametrize("flags", [["--low", "5", "--high", "2"], ["--low", "5"]])
def test_an_error_tells_no_secret_that_was_given_beside(monkeypatch, flags):
    monkeypatch.setenv("SOTTOVOCE_PASSWORD", "hunter2")
    monkeypatch.setenv("SOTTOVOCE_KAFKA_SASL_PASSWORD", "hunter3")
    with pytest.raises(InvalidSettingsError, match=r"low 5 must not be|high: Field req") as refused:
        load_settings(PickySettings, "x", flags)
    shown = "".join(traceback.format_exception(refused.value))
    assert "hunter" not in shown


def test_help_describes_every_setting(capsys):
    with pytest.raises(SystemExit) as ended:
        load_settings(ExampleSettings, "x", ["--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name, field in ExampleSettings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in shown
        assert field.description
        assert field.description in shown
