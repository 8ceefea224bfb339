"""`sottovoce erase`: ask for erasures, follow them, certify them; for stewards."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sottovoce.cli.asking.connecting import caller, connect, with_credentials
from sottovoce.cli.asking.output import moment, plain
from sottovoce.cli.asking.where import DEFAULT_ADDRESS, AddressOption
from sottovoce.cli.output import FormatOption, OutputFormat, print_json, print_rows
from sottovoce.errors import SottovoceError

if TYPE_CHECKING:
    from sottovoce.client import Client, Erasure

DEFAULT_PRODUCER: Final = "127.0.0.1:50061"
_AGAIN_SECONDS: Final = 1.0

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Erase listeners, and certify that it was done.",
)

ErasureArgument = Annotated[str, typer.Argument(help="The erasure's id, or its beginning.")]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Return when compaction was seen to have removed it all.")
]
PatienceOption = Annotated[float, typer.Option(min=0, help="Seconds that are waited at most.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", help="Where the certificate goes.", show_default=False)
]
ProducerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--producer",
        envvar="SOTTOVOCE_RPC_TARGET",
        help="The producer's own door; with several writers, each one's.",
        show_default=DEFAULT_PRODUCER,
    ),
]


class NotErasedYetError(SottovoceError):
    """The erasure is under way and was not complete in time."""


class WhomError(SottovoceError):
    """It was not said, or said twice, whom an erasure is about."""


@app.command()
@with_credentials
def request(
    listener: Annotated[
        str, typer.Argument(help="The pseudonym, 32 hexadecimal digits; - reads it from stdin.")
    ] = "",
    account: Annotated[
        str,
        typer.Option(
            "--account",
            "--spotify-account",
            help="Instead: the account, by the name under which it was connected or imported; "
            "- reads it from stdin.",
        ),
    ] = "",
    wait: WaitOption = False,
    patience: PatienceOption = 172_800.0,
    output: OutputOption = None,
    producer: ProducerOption = None,
    address: AddressOption = DEFAULT_ADDRESS,
) -> None:
    """Have a listener retired at the producer, and erased; prints the erasure's id.

    It says the same whether anybody knows the listener or not. An account is resolved by the
    producer: the query service learns no name. With --output it waits, and writes the certificate.
    Run it again if it was interrupted: it goes on with the erasure that is under way.
    """
    from sottovoce.cli.retiring import Producers
    from sottovoce.erasure.pseudonyms import parse_pseudonym

    if bool(listener) == bool(account):
        raise WhomError("give a pseudonym or --account NAME, one of the two")
    with Producers(producer or [DEFAULT_PRODUCER], caller()) as doors, connect(address) as client:
        # Asked for before the account is retired: then its pseudonym is nowhere told any more, and
        # whoever was interrupted could not ask for it again.
        account = _told(account)
        pseudonym = doors.resolve(account) if account else parse_pseudonym(_told(listener))
        asked = client.request_erasure(pseudonym.hex())
        typer.echo(asked.id)
        if account:
            doors.retire_account(account)
        else:
            doors.retire_listener(pseudonym)
        if not wait and output is None:
            return
        _wait(client, asked.id, patience)
        doors.rest(pseudonym, time.time_ns() // 1_000_000)
        if output is not None:
            output.write_text(client.erasure_certificate(asked.id).json)


@app.command()
@with_credentials
def status(
    erasure: ErasureArgument,
    wait: WaitOption = False,
    patience: PatienceOption = 172_800.0,
    form: FormatOption = OutputFormat.TABLE,
    address: AddressOption = DEFAULT_ADDRESS,
) -> None:
    """Tell how far an erasure has come in each shard."""
    with connect(address) as client:
        found = client.erasure(erasure)
        if wait:
            found = _wait(client, found.id, patience)
    columns = {"data_set": "data set", "shard": "shard", "step": "step"}
    print_rows([plain(each) for each in found.shards], columns, form)


@app.command("list")
@with_credentials
def list_erasures(
    form: FormatOption = OutputFormat.TABLE, address: AddressOption = DEFAULT_ADDRESS
) -> None:
    """List every erasure, the newest first."""
    with connect(address) as client:
        rows = [
            {
                "erasure": each.id,
                "requested": moment(each.requested_at),
                "step": each.step,
                "certified": each.certified,
            }
            for each in client.erasures()
        ]
    if form is OutputFormat.JSON:
        print_json(rows)
        return
    columns = {name: name for name in ("erasure", "requested", "step", "certified")}
    print_rows(rows, columns, form)


@app.command()
@with_credentials
def certificate(
    erasure: ErasureArgument,
    output: OutputOption = None,
    address: AddressOption = DEFAULT_ADDRESS,
) -> None:
    """Print an erasure's certificate; while it is not complete, one of how it stands now.

    It names the cells that the listener was in: it is for stewards.
    """
    with connect(address) as client:
        found = client.erasure_certificate(erasure)
    if not found.complete:
        typer.echo("the erasure is not complete: ask again when it is", err=True)
    if output is None:
        typer.echo(found.json, nl=False)
    else:
        output.write_text(found.json)


@app.command("key")
def make_key(
    file: Annotated[Path, typer.Argument(help="A new file; its public half goes to FILE.pub.")],
) -> None:
    """Make a key that signs certificates: for the query service, as --erasure-key-file."""
    from sottovoce.erasure.signing import SigningKey

    made = SigningKey.create()
    public = made.save(file)
    typer.echo(f"key {made.verifying.key_id}: {file}, and its public half {public}")


def _told(given: str) -> str:
    """Return what was given, or for - a line from stdin: what is given is in the process list."""
    return typer.get_text_stream("stdin").readline().strip() if given == "-" else given


def _wait(client: Client, erasure: str, patience: float) -> Erasure:
    """Show a bar of shards and steps until the erasure is complete.

    Raises:
        NotErasedYetError: it is not in time.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from sottovoce.client import Unavailable

    until = time.monotonic() + patience
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("requested", total=1.0)
        found = client.erasure(erasure)
        while not found.complete and (left := until - time.monotonic()) > 0:
            try:
                for found in client.watch_erasure(erasure, left):
                    bar.update(task, completed=found.progress, description=found.step)
            except Unavailable:  # the time is over, or the service comes back
                time.sleep(min(_AGAIN_SECONDS, max(0.0, until - time.monotonic())))
    if not found.complete:
        raise NotErasedYetError(
            f"after {patience:.0f} s the erasure {erasure} is {found}, and goes on: is "
            "sottovoce-consumer running, and has the producer retired the listener?"
        )
    return found
