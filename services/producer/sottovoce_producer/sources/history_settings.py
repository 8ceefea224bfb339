"""The settings of `sottovoce-producer history`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import CliPositionalArg

from sottovoce_producer.settings import HandOverSettings


class HistorySettings(HandOverSettings):
    """`sottovoce-producer history PATH ...`: one's own listening history, as Spotify exports it.

    PATH is a zip as it was downloaded, a folder, or a file of it. Both exports are read: the
    extended streaming history (Streaming_History_Audio_*.json, endsong_*.json) and the account
    data of the last year (StreamingHistory*.json). Where both are named, account data is left out
    for the time that the extended history covers; imported one after the other they would count
    the same plays twice, because account data tells times to the minute and no ids.
    """

    paths: CliPositionalArg[list[Path]] = Field(
        description="Zips, folders or files of an export", min_length=1
    )
    account: str = Field(
        "me",
        min_length=1,
        max_length=1_000,
        description="Whose history it is, by any name; kept encrypted, in the vault only",
    )
    from_start: bool = Field(
        False,
        description="Whether rows that an earlier import did are read again, such as after an "
        "erasure; plays that are there stay as they are",
    )

    @field_validator("account")
    @classmethod
    def _is_text(cls, account: str) -> str:
        try:
            account.encode()
        except UnicodeEncodeError:
            raise ValueError("it must be UTF-8") from None
        return account
