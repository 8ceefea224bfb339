"""What all questions share: which service, which data set, which range, how to print it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from sottovoce.cli.asking.connecting import connect
from sottovoce.cli.asking.ranges import read_range
from sottovoce.cli.output import FormatOption, OutputFormat
from sottovoce.client import Client, TimeRange
from sottovoce.client.calls import Grain

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"

AddressOption = Annotated[
    str,
    typer.Option(
        "--address", envvar="SOTTOVOCE_QUERY_ADDRESS", help="Where the query service listens."
    ),
]
DataSetOption = Annotated[str, typer.Option("--data-set", help="live or history.")]
SizeOption = Annotated[int, typer.Option("--size", min=1, help="How many entries.")]

_LAST: Final = typer.Option(
    "--last", help="The newest complete range of this length: 90s, 10m, 1h30m, 7d."
)
_FROM: Final = typer.Option(
    "--from", help="Start: a date or time of ISO 8601; UTC unless it names a zone."
)
_TO: Final = typer.Option("--to", help="End, exclusive; the newest complete one by default.")

_OPTIONS: Final[dict[str, tuple[Any, Any]]] = {
    "data_set": (DataSetOption, "live"),
    "last": (Annotated[str | None, _LAST], None),
    "begin": (Annotated[str | None, _FROM], None),
    "end": (Annotated[str | None, _TO], None),
    "form": (FormatOption, OutputFormat.TABLE),
    "address": (AddressOption, DEFAULT_ADDRESS),
}


@dataclass(frozen=True, slots=True)
class Where:
    """The shared options of one question, as they were given."""

    data_set: str
    last: str | None
    begin: str | None
    end: str | None
    form: OutputFormat
    address: str

    def ask[Answer](self, grain: Grain, question: Callable[[Client, TimeRange], Answer]) -> Answer:
        """Ask a question about the range, on its grain."""
        with connect(self.address) as client:
            return question(
                client,
                read_range(client, self.data_set, grain, self.last, self.begin, self.end),
            )


def with_where[R](command: Callable[..., R]) -> Callable[..., R]:
    """Give a command the shared options, and hand them to it as `where`.

    Args:
        command: a typer command with the keyword parameter `where`.

    Returns:
        The command to register.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [each for each in signature.parameters.values() if each.name != "where"]
    options = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
        )
        for name, (annotation, default) in _OPTIONS.items()
    ]

    @functools.wraps(command)
    def run(**given: Any) -> R:
        return command(where=Where(**{name: given.pop(name) for name in _OPTIONS}), **given)

    del run.__wrapped__  # typer would read the signature behind it
    every = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in [*own, *options]]
    run.__signature__ = signature.replace(parameters=every)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in every}
    return run
