"""The root of the command line: commands that are imported when run, errors that are sentences."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from sottovoce.cli import COMMANDS
from sottovoce.errors import SottovoceError


class LazyGroup(TyperGroup):
    """The commands of `COMMANDS`: `--help` and completion import none of them."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the base class's signature
        """Return the names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Return a command; while the help is written, only its name and line."""
        if cmd_name not in COMMANDS:
            return None
        place, line = COMMANDS[cmd_name]
        if self._listing:
            return TyperGroup(name=cmd_name, help=line)
        module, _, attribute = place.partition(":")
        application = getattr(importlib.import_module(module), attribute)
        command = get_command(application)
        command.name = cmd_name
        return command

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help without importing any command."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error of ours becomes its sentence on stderr and exit code 1."""
        try:
            return super().invoke(ctx)
        except SottovoceError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from error


program = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from sottovoce import __version__

        typer.echo(__version__)
        raise typer.Exit


@program.callback()
def _sottovoce(
    _: bool = typer.Option(
        False,
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Print the version and exit.",
    ),
) -> None:
    """Real-time music analytics in a quiet voice."""
