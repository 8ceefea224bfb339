"""`sottovoce-producer spotify login` and `sottovoce-producer spotify accounts`."""

from __future__ import annotations

import sys
import webbrowser

from pydantic import Field
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sottovoce.kafka import LogReader, Topics
from sottovoce.service.logging import configure_logging
from sottovoce.service.settings import load_settings
from sottovoce_producer.assembly import vault_keys
from sottovoce_producer.errors import ProducerError
from sottovoce_producer.hand_over import open_sink
from sottovoce_producer.session import system_clock_ms
from sottovoce_producer.settings import HandOverSettings, WriterSettings
from sottovoce_producer.sources.spotify.api import SpotifyApp
from sottovoce_producer.sources.spotify.login import log_in
from sottovoce_producer.sources.spotify.settings import SpotifySettings
from sottovoce_producer.vault import Vault, account_label

_USAGE = (
    "usage: sottovoce-producer spotify login|accounts [options]\n\n"
    "  login     connect an account: its owner consents in a browser\n"
    "  accounts  list the connected accounts with their labels in logs and metrics\n\n"
    "`sottovoce-producer spotify login --help` lists every setting.\n"
)


class LoginSettings(HandOverSettings, SpotifySettings):
    """`sottovoce-producer spotify login`: connect an account whose plays are then polled.

    Make an app at developer.spotify.com/dashboard, add http://127.0.0.1:PORT/callback (PORT is
    spotify_redirect_port) to its redirect URIs, and give its id and secret.
    """

    account: str = Field(
        "me",
        min_length=1,
        max_length=1_000,
        description="Whose account it is, by the name that its history is imported under",
    )
    open_browser: bool = Field(True, description="Whether a browser is opened at the address")
    login_seconds: float = Field(
        300.0, gt=0, le=3_600, description="How long the owner may take to consent"
    )


class AccountsSettings(WriterSettings):
    """`sottovoce-producer spotify accounts`: who is connected; needs the vault's key."""


def main(arguments: list[str]) -> None:
    """Connect an account, or list those that are."""
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(_USAGE)
        raise SystemExit(0 if arguments else 2)
    if arguments[0] == "login":
        _login(arguments[1:])
    elif arguments[0] == "accounts":
        _accounts(arguments[1:])
    else:
        raise ProducerError(f"no command `spotify {arguments[0]}`: there are login and accounts")


def _login(arguments: list[str]) -> None:
    settings = load_settings(LoginSettings, "sottovoce-producer spotify login", arguments)
    configure_logging(settings, "producer")
    app = SpotifyApp(settings, system_clock_ms)

    def show(address: str) -> None:
        sys.stdout.write(f"to connect {settings.account!r}, open\n\n  {address}\n\n")
        sys.stdout.flush()
        if settings.open_browser:
            webbrowser.open(address)

    with open_sink(settings) as sink:
        sink.connect(settings.account, log_in(app, show, settings.login_seconds))
    sys.stdout.write(f"connected {settings.account!r}; a running producer polls it from now on\n")


def _accounts(arguments: list[str]) -> None:
    settings = load_settings(AccountsSettings, "sottovoce-producer spotify accounts", arguments)
    configure_logging(settings, "producer")
    vault = Vault(vault_keys(settings))
    settings.require_broker()
    topic = Topics(settings.kafka_topic_prefix).vault
    latest: dict[bytes, bytes | None] = {}
    with LogReader(settings, [(topic, 0)]) as reader:
        for record in reader.to_end():
            latest[record.key] = record.value
    table = Table("label", "account", box=None, pad_edge=False)
    for key, value in latest.items():
        if value is None:
            continue
        entry = vault.open(key, value)
        if entry.tokens:
            table.add_row(account_label(key), escape(entry.account))
    Console().print(table)
