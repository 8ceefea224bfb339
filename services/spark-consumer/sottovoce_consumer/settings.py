"""The consumer's settings."""

from __future__ import annotations

import json
import os

from pydantic import Field, SecretStr

from sottovoce.service.settings import ServiceSettings


class ConsumerSettings(ServiceSettings):
    """What the consumer can be told."""

    data_sets: tuple[str, ...] = Field(
        ("live", "history"), min_length=1, description="The data sets that it counts"
    )
    master: str = Field(
        "local[*,4]",
        min_length=1,
        description="Where Spark runs; local[*,4]: here, on all cores, each task tried four times",
    )
    workers: int = Field(
        0, ge=0, le=10_000, description="Tasks that run at once, to plan for; 0: as Spark says"
    )
    driver_memory: str = Field("1g", pattern=r"^[0-9]+[mg]$", description="Heap of Spark's driver")
    spark_metrics_port: int = Field(
        0,
        ge=0,
        le=65_535,
        description="Port of Spark's own page, where Prometheus finds the driver's figures at "
        "/metrics/prometheus/ and the executors' at /metrics/executors/prometheus/; 0: none",
    )
    batch_interval_seconds: float = Field(
        0.5,
        ge=0.0,
        le=3_600.0,
        description="From the start of a batch to that of the next, if idle",
    )
    max_listens_per_batch: int = Field(
        1_000_000, ge=1, description="The most records that one batch spans"
    )
    max_listens_per_task: int = Field(
        250_000, ge=1, description="The most records that one task reads; larger ranges are cut"
    )
    read_timeout_seconds: float = Field(
        30.0, gt=0.0, description="A task fails after so long without a record it waits for"
    )
    heartbeat_seconds: float = Field(
        1.0, gt=0.0, le=60.0, description="How often each shard of live gets a heartbeat"
    )
    deltas_per_base: int = Field(
        32, ge=1, description="How many deltas of a cell are folded into a base"
    )
    max_folds_per_batch: int = Field(
        8, ge=1, description="The most cells folded in one batch: listens wait while it folds"
    )
    max_fold_bytes_per_batch: int = Field(
        256 * 1024,
        ge=1,
        description="How many bytes of cells are folded in one batch, about; one cell at least",
    )
    erasure_check_seconds: float = Field(
        30.0,
        gt=0.0,
        le=86_400.0,
        description="When it first looks whether compaction has removed what was erased; then ever "
        "more rarely, up to hourly",
    )
    accept_lost_records: bool = Field(
        False,
        description="Go on at the log's beginning where records were lost before they were read",
    )

    def to_option(self) -> str:
        """Return these settings as JSON for Spark's other processes, without secrets.

        Options of a data source can turn up in Spark's logs; secrets go by the environment.
        """
        secrets = {name for name in type(self).model_fields if self._secret(name) is not None}
        return self.model_dump_json(exclude=secrets)

    def export_secrets(self) -> None:
        """Put the secrets into the environment, which the processes that Spark starts inherit."""
        for name in type(self).model_fields:
            secret = self._secret(name)
            if secret is not None:
                os.environ[f"{self.model_config['env_prefix']}{name}".upper()] = secret

    @classmethod
    def from_option(cls, option: str) -> ConsumerSettings:
        """Read what `to_option` made; of the environment only secrets are taken."""
        return cls(**json.loads(option))

    def _secret(self, name: str) -> str | None:
        value = getattr(self, name)
        return value.get_secret_value() if isinstance(value, SecretStr) else None
