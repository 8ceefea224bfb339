"""A class of settings as options of a command."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from typing import Annotated, Any, get_args

import typer
from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from sottovoce.service.settings import InvalidSettingsError


def with_settings[Settings: BaseSettings, R](
    command: Callable[..., R],
    settings: type[Settings],
    panel: str,
    run: Callable[[Settings, dict[str, Any]], R],
    keyword: str = "",
) -> Callable[..., R]:
    """Give a command the options of settings.

    Each setting is an option and an environment variable; the flag goes before the variable, the
    variable before the default. A secret is no flag, where every process list would show it: the
    variable alone sets it.

    Args:
        command: a typer command.
        settings: the class.
        panel: what its options stand under in the help.
        run: called with the settings and with what the command's own options were given.
        keyword: the command's parameter that is no option of its own.

    Returns:
        The command to register.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [each for each in signature.parameters.values() if each.name != keyword]
    flags = {name: field for name, field in settings.model_fields.items() if not _secret(field)}
    options = [_option(name, field, panel) for name, field in flags.items()]

    @functools.wraps(command)
    def with_flags(**given: Any) -> R:
        told = {name: given.pop(name) for name in flags}
        return run(_read(settings, told), given)

    del with_flags.__wrapped__  # typer would read the signature behind it
    with_flags.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in [*own, *options]]
    )
    with_flags.__annotations__ = {each.name: each.annotation for each in [*own, *options]}
    return with_flags


def _kinds(field: FieldInfo) -> tuple[Any, ...]:
    kind = field.annotation
    return get_args(kind) if isinstance(kind, types.UnionType) else (kind,)


def _secret(field: FieldInfo) -> bool:
    return SecretStr in _kinds(field)


def _option(name: str, field: FieldInfo, panel: str) -> inspect.Parameter:
    default = f" [default: {field.default}]" if field.default else ""
    kind: Any = bool | None if bool in _kinds(field) else str | None
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[
            kind,
            typer.Option(
                f"--{name.replace('_', '-')}",
                envvar=f"SOTTOVOCE_{name.upper()}",
                help=f"{field.description}.{default}",
                rich_help_panel=panel,
            ),
        ],
    )


def _read[Settings: BaseSettings](settings: type[Settings], told: dict[str, Any]) -> Settings:
    try:
        return settings(**{name: value for name, value in told.items() if value is not None})
    except ValidationError as error:
        # Not the chain: it repeats what was given, secrets included.
        raise InvalidSettingsError("; ".join(map(_sentence, error.errors()))) from None


def _sentence(error: Any) -> str:
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    return f"--{str(error['loc'][0]).replace('_', '-')}: {error['msg']} (got {error['input']!r})"
