"""The producer's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_settings import CliPositionalArg

from sottovoce.client.settings import CallerSettings
from sottovoce.service.access import AccessSettings
from sottovoce.service.settings import ServiceSettings
from sottovoce_producer.filters import FilterSettings
from sottovoce_producer.sources.spotify.settings import SpotifySettings


class WriterSettings(ServiceSettings):
    """What a writer can be told, whatever source feeds it."""

    vault_key_file: Path | None = Field(
        None, description="The vault's key, as `sottovoce-producer vault-key FILE` makes it"
    )
    pseudonym_seed: str | None = Field(
        None,
        description="UNSAFE, for tests and made-up listeners only: pseudonyms are a hash of the "
        "account under this seed, and the vault's key too where no file is given",
    )
    writers: int = Field(1, ge=1, le=1024, description="How many writers share the accounts (W)")
    writer_index: int = Field(0, ge=0, description="Which of the writers this is, from 0")
    late_to_history: bool = Field(
        False, description="Whether plays too old for `live` go to `history` instead"
    )
    filters: FilterSettings = Field(FilterSettings(), description="Which plays count")
    truth_folder: Path | None = Field(
        None,
        description="Folder that gets every listen written, exactly, as Parquet; holds pseudonyms: "
        "for tests and demos",
    )

    @model_validator(mode="after")
    def _check(self) -> WriterSettings:
        if self.writer_index >= self.writers:
            raise ValueError(
                f"writer_index {self.writer_index} must be below writers {self.writers}"
            )
        return self


class HandOverSettings(WriterSettings, CallerSettings):
    """Commands that hand plays to a running producer, or write them themselves."""

    rpc_target: str = Field(
        "127.0.0.1:50061", description="The gRPC of a running producer, HOST:PORT"
    )
    hand_over: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Whether plays go to the running producer; auto: if one answers, else they are "
        "written by this process",
    )


class LogSettings(HandOverSettings):
    """`sottovoce-producer log FILE`: the plays of a listening log, plain or gzip."""

    file: CliPositionalArg[Path] = Field(description="The log")
    into: Literal["history", "live"] = Field(
        "history", description="history: at the log's own times; live: moved to now by whole weeks"
    )
    pace: Literal["own", "max"] | Annotated[float, Field(gt=0)] = Field(
        "own",
        description="live only. own: the log's own rhythm; max: as fast as possible; a number: "
        "plays a second; with the last two a play ends when it is sent",
    )
    replicas: int = Field(
        1,
        ge=1,
        le=1_000_000,
        description="Each person's log as so many listeners, each a week apart from the next",
    )
    accounts: str | None = Field(
        None,
        description="Put before each account, so that two logs' people stay apart; none: the "
        "shape's name and a colon",
    )
    batch_plays: int = Field(20_000, ge=1, le=50_000, description="The most plays of a batch")
    batch_ms: int = Field(
        500, ge=10, le=60_000, description="Time that a batch spans where a pace is kept"
    )


class RunSettings(WriterSettings, SpotifySettings, AccessSettings):
    """`sottovoce-producer run`: a writer with its door, the simulator and Spotify if asked for."""

    rpc_host: str = Field("127.0.0.1", description="Address that the producer's own gRPC is on")
    rpc_port: int = Field(
        50_061, ge=0, le=65_535, description="Port of the producer's own gRPC; 0: none is served"
    )
    simulator_rate: float = Field(
        -1.0, ge=-1, description="Made-up plays a second; 0: as fast as possible; -1: no simulator"
    )
    simulator_data_set: Literal["live", "history"] = Field(
        "live", description="Where made-up plays go"
    )
    simulator_seed: int = Field(1, ge=0, description="Decides everything but the times")
    simulator_listeners: int = Field(2_000, ge=1, description="How many made-up accounts")
    simulator_seats: int = Field(400, ge=1, description="How many of them listen at a time")
    simulator_skips: float = Field(0.3, ge=0, le=1, description="Share of plays that are skipped")
    simulator_zipf: float = Field(1.0, ge=0, le=4, description="Exponent of Zipf's law")
    simulator_duplicates: float = Field(
        0.002, ge=0, le=1, description="Share of plays that are told twice"
    )
    simulator_follows_day: bool = Field(
        False, description="Whether the rate follows the hours of the day"
    )
    simulator_plays: int | None = Field(
        None, ge=1, description="How many plays in all, then the process ends; none: no end"
    )
    simulator_start_ms: int | None = Field(
        None, ge=0, description="Time of the first play, milliseconds since 1970; none: now"
    )
    simulator_batch_ms: int = Field(
        200, ge=10, le=10_000, description="Time that a batch of plays spans"
    )
    simulator_batch_plays: int = Field(
        20_000, ge=1, le=200_000, description="The most plays of a batch"
    )
    simulator_tracks: int = Field(
        2_000, ge=1, le=1_000_000, description="Tracks to make up where no catalogue is pinned"
    )
