"""`sottovoce-producer forget ACCOUNT`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from pydantic import Field
from pydantic_settings import CliPositionalArg

from sottovoce.service.logging import configure_logging
from sottovoce.service.settings import load_settings
from sottovoce_producer.hand_over import open_accounts
from sottovoce_producer.settings import HandOverSettings


class ForgetSettings(HandOverSettings):
    """`sottovoce-producer forget ACCOUNT`: retire its pseudonym, drop its tokens and cursors.

    What was counted stays until an erasure takes it out. The answer is the same whether the account
    was known or not.
    """

    account: CliPositionalArg[str] = Field(
        min_length=1,
        max_length=1_000,
        description="Its name, as its plays tell it: in its source, or as an import gave it",
    )


def main(arguments: list[str]) -> None:
    """Forget an account; say from when on it counts again."""
    settings = load_settings(ForgetSettings, "sottovoce-producer forget", arguments)
    configure_logging(settings, "producer")
    with open_accounts(settings) as accounts:
        until_ms = accounts.forget(settings.account)
    until = datetime.fromtimestamp(until_ms / 1000, UTC)
    sys.stdout.write(
        f"{settings.account!r} is forgotten: its plays are refused until {until:%Y-%m-%d %H:%M} "
        "UTC, from then on they count as somebody new's\n"
    )
