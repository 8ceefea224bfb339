"""Kafka's settings as options of a command."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError

from sottovoce.kafka.connection import KafkaSettings
from sottovoce.service.settings import InvalidSettingsError

_PANEL: Final = "Kafka"
_OPTIONS: Final = tuple(
    name for name in KafkaSettings.model_fields if name != "kafka_sasl_password"
)
"""A password is no flag, where every process list would show it: the variable alone sets it."""


def with_kafka[R](command: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options of `KafkaSettings`, and hand them to it as `kafka`.

    Each setting is an option and an environment variable; the flag goes before the variable, the
    variable before the default.

    Args:
        command: a typer command with the keyword parameter `kafka`.

    Returns:
        The command to register.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [each for each in signature.parameters.values() if each.name != "kafka"]
    options = [_option(name) for name in _OPTIONS]

    @functools.wraps(command)
    def run(**given: Any) -> R:
        told = {name: given.pop(name) for name in _OPTIONS}
        return command(**given, kafka=_settings(told))

    del run.__wrapped__  # typer would read the signature behind it
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in [*own, *options]]
    )
    run.__annotations__ = {each.name: each.annotation for each in [*own, *options]}
    return run


def _option(name: str) -> inspect.Parameter:
    field = KafkaSettings.model_fields[name]
    default = f" [default: {field.default}]" if field.default else ""
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[
            str | None,
            typer.Option(
                f"--{name.replace('_', '-')}",
                envvar=f"SOTTOVOCE_{name.upper()}",
                help=f"{field.description}.{default}",
                rich_help_panel=_PANEL,
            ),
        ],
    )


def _settings(told: dict[str, Any]) -> KafkaSettings:
    try:
        return KafkaSettings(**{name: value for name, value in told.items() if value is not None})
    except ValidationError as error:
        raise InvalidSettingsError(
            "; ".join(
                f"--{str(each['loc'][0]).replace('_', '-')}: {each['msg']} (got {each['input']!r})"
                for each in error.errors(include_url=False, include_context=False)
            )
        ) from error
