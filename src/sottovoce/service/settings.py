"""Settings: one frozen class per service; flags, then environment, then defaults.

Each setting has a type, a bound, a default and a line of description; `--help` is made from them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsError

from sottovoce.errors import SottovoceError
from sottovoce.kafka.connection import KafkaSettings


class InvalidSettingsError(SottovoceError):
    """A setting is out of its bounds, or not one."""


class ServiceSettings(KafkaSettings):
    """What every service can be told."""

    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="How logs are written; auto: console on a terminal, else JSON"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least level that is logged"
    )
    metrics_host: str = Field("127.0.0.1", description="Address that Prometheus metrics listen on")
    metrics_port: int = Field(
        0, ge=0, le=65_535, description="Port of Prometheus metrics; 0: none are served"
    )


def load_settings[S: BaseSettings](settings: type[S], program: str, arguments: list[str]) -> S:
    """Read settings from flags and environment; `--help` prints them and exits.

    Args:
        settings: the class.
        program: its name in the help.
        arguments: the command line behind the program's name.

    Raises:
        InvalidSettingsError: one sentence for each wrong value.
    """
    try:
        flags = CliSettingsSource[S](
            settings,
            cli_prog_name=program,
            cli_parse_args=arguments,
            cli_kebab_case=True,
            cli_implicit_flags=True,
            cli_hide_none_type=True,
            cli_avoid_json=True,
        )
        return settings(_cli_settings_source=flags)
    except ValidationError as error:
        # Neither the errors' text nor the chain's: it repeats what was given, secrets included.
        raise InvalidSettingsError("; ".join(map(_sentence, error.errors()))) from None
    except SettingsError as error:
        raise InvalidSettingsError(str(error)) from error


def _sentence(error: ErrorDetails) -> str:
    """Return what is wrong with a setting, and its value, but never those of other settings."""
    name = ".".join(map(str, error["loc"])) or "settings"
    given = error["input"]
    # Of a setting that is missing, or a rule over several, the input is all that was given.
    got = "" if isinstance(given, Mapping | BaseModel) else f" (got {given!r})"
    return f"{name}: {error['msg'].removeprefix('Value error, ')}{got}"


def end_with_error(error: SottovoceError, code: int = 1) -> None:
    """Print an error's sentence on stderr and end the process."""
    sys.stderr.write(f"error: {error}\n")
    raise SystemExit(code)
