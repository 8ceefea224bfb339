"""`sottovoce access`: who is let in to the services, and for what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from sottovoce.cli.asking.ranges import parse_duration
from sottovoce.cli.output import FormatOption, OutputFormat, print_rows
from sottovoce.service.access.callers import Callers, Entry
from sottovoce.service.access.callers_file import read_callers, write_callers
from sottovoce.service.access.errors import AccessError
from sottovoce.service.access.roles import Role
from sottovoce.service.access.tokens import new_token, token_hash

if TYPE_CHECKING:
    from datetime import timedelta

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Say who is let in to the services, and for what. A running service sees it in a second.",
)

NameArgument = Annotated[str, typer.Argument(help="Whom it is for, such as dashboard.")]
RoleOption = Annotated[list[Role], typer.Option("--role", help="What for; may be repeated.")]
ExpiresOption = Annotated[
    str, typer.Option("--expires", help="How long it is let in: 12h, 90d; or never.")
]
RateOption = Annotated[
    float | None,
    typer.Option("--rate-per-second", min=0, help="Its own limit of calls; 0: none."),
]
BurstOption = Annotated[
    int | None, typer.Option("--rate-burst", min=1, help="Its own limit of calls at once.")
]
FileOption = Annotated[
    Path,
    typer.Option("--file", envvar="SOTTOVOCE_ACCESS_FILE", help="The services' access_file."),
]

_COLUMNS = {
    "name": "Name",
    "id": "Token or certificate",
    "roles": "Roles",
    "created_at": "Created",
    "expires_at": "Expires",
    "rate_per_second": "Rate",
    "rate_burst": "Burst",
}


class EntryError(AccessError):
    """What an entry is to be is wrong, or there is none to revoke."""


@app.command()
def create_token(
    name: NameArgument,
    role: RoleOption,
    file: FileOption,
    expires: ExpiresOption = "90d",
    rate_per_second: RateOption = None,
    rate_burst: BurstOption = None,
) -> None:
    """Make a token and print it, this once; the file gets its hash.

    A caller that has one already gets a second, so that it can change over before the first is
    revoked.
    """
    token = new_token()
    entry = _entry(
        name=name,
        roles=frozenset(role),
        token_sha256=token_hash(token),
        expires=expires,
        rate_per_second=rate_per_second,
        rate_burst=rate_burst,
    )
    _add(file, entry)
    typer.echo(token)


@app.command()
def allow_certificate(
    name: NameArgument,
    certificate: Annotated[
        str,
        typer.Option(help="A name that the certificate bears: URI, DNS name or common name."),
    ],
    role: RoleOption,
    file: FileOption,
    expires: ExpiresOption = "never",
    rate_per_second: RateOption = None,
    rate_burst: BurstOption = None,
) -> None:
    """Let in whoever has a certificate of this name from the services' tls_client_ca_file."""
    entry = _entry(
        name=name,
        roles=frozenset(role),
        certificate=certificate,
        expires=expires,
        rate_per_second=rate_per_second,
        rate_burst=rate_burst,
    )
    _add(file, entry)


@app.command("list")
def list_entries(file: FileOption, form: FormatOption = OutputFormat.TABLE) -> None:
    """List who is let in; tokens are known by the first digits of their hash."""
    now = datetime.now(UTC)
    rows = [
        {
            "name": each.name,
            "id": each.id,
            "roles": ", ".join(sorted(each.roles)),
            "created_at": _day(each.created_at),
            "expires_at": "expired" if _expired(each, now) else _day(each.expires_at) or "never",
            "rate_per_second": each.rate_per_second,
            "rate_burst": each.rate_burst,
        }
        for each in read_callers(file).entries
    ]
    print_rows(rows, _COLUMNS, form)


@app.command()
def revoke(
    name: NameArgument,
    file: FileOption,
    which: Annotated[
        str, typer.Option("--id", help="Only this token or certificate, as `list` names it.")
    ] = "",
) -> None:
    """Let a caller in no longer: everything of its, or one token or certificate."""
    entries = read_callers(file).entries
    kept = [each for each in entries if each.name != name or (which and each.id != which)]
    if len(kept) == len(entries):
        what = f"{name} has no {which}" if which else f"there is no {name}"
        raise EntryError(f"{what} in {file}: `sottovoce access list` says who is there")
    write_callers(file, Callers(kept))
    typer.echo(f"revoked {len(entries) - len(kept)} of {name}; {len(kept)} entries stay", err=True)


def _entry(*, expires: str, **told: Any) -> Entry:
    now = datetime.now(UTC).replace(microsecond=0)
    lasts: timedelta | None = None if expires == "never" else parse_duration(expires, "--expires")
    try:
        return Entry(created_at=now, expires_at=None if lasts is None else now + lasts, **told)
    except ValidationError as error:
        raise EntryError(
            "; ".join(
                f"{'.'.join(map(str, each['loc']))}: {each['msg']} (got {each['input']!r})"
                for each in error.errors()
            )
        ) from error


def _add(file: Path, entry: Entry) -> None:
    known: Iterable[Entry] = read_callers(file).entries if file.exists() else ()
    write_callers(file, Callers([*known, entry]))
    until = f"until {_day(entry.expires_at)}" if entry.expires_at else "without end"
    roles = ", ".join(sorted(entry.roles))
    typer.echo(f"{entry.name} is let in as {roles} {until} ({file}, {entry.id})", err=True)


def _expired(entry: Entry, now: datetime) -> bool:
    return entry.expires_at is not None and entry.expires_at <= now


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
