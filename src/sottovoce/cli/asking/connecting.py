"""What a question shows of its asker: the same options for every command."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from sottovoce.cli.settings_options import with_settings
from sottovoce.client import Client
from sottovoce.client.settings import CallerSettings

_CALLER: Final[ContextVar[CallerSettings]] = ContextVar("caller")


def with_credentials[R](command: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options of `CallerSettings`, which its `connect` shows.

    Args:
        command: a typer command.

    Returns:
        The command to register.
    """

    def run(caller: CallerSettings, given: dict[str, Any]) -> R:
        token = _CALLER.set(caller)
        try:
            return command(**given)
        finally:
            _CALLER.reset(token)

    return with_settings(command, CallerSettings, "Credentials", run)


def connect(address: str, timeout: float = 30.0) -> Client:
    """Return a client that shows what the command was told to; only within `with_credentials`.

    Args:
        address: HOST:PORT.
        timeout: seconds that an answer may take.

    Raises:
        CredentialsUnusable: a file can't be read, or the token would go unencrypted.
    """
    return caller().client(address, timeout)


def caller() -> CallerSettings:
    """Return what the command was told to show; only within `with_credentials`."""
    return _CALLER.get()
