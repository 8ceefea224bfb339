"""`sottovoce erasure`: check what certificates claim."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from sottovoce.cli.kafka_options import with_kafka
from sottovoce.errors import SottovoceError
from sottovoce.kafka.connection import KafkaSettings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Check what certificates of erasures claim."
)

_PROGRAM = "sottovoce_consumer.verifying"


class NoConsumerError(SottovoceError):
    """The consumer is not installed here, and only it knows how the log is counted."""


@app.callback()
def _erasure() -> None:
    """Check what certificates of erasures claim."""


@app.command()
@with_kafka
def verify(
    kafka: KafkaSettings,
    certificate: Annotated[Path, typer.Argument(help="The certificate, a JSON file.")],
    public_key: Annotated[
        Path, typer.Option("--public-key", help="The public half of the key that signs here.")
    ],
) -> None:
    """Replay the log and compare it with a certificate; exits with 1 where it does not hold."""
    if importlib.util.find_spec(_PROGRAM.split(".")[0]) is None:
        raise NoConsumerError(
            "a replay needs the consumer's rules: pip install 'sottovoce[consumer]' here"
        )
    # The password, if there is one, is in the environment, which the program inherits.
    told = kafka.model_dump(mode="json", exclude={"kafka_sasl_password"}, exclude_none=True)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in told.items()]
    files = [f"--certificate={certificate}", f"--public-key={public_key}"]
    done = subprocess.run([sys.executable, "-m", _PROGRAM, *files, *flags], check=False)  # noqa: S603
    if done.returncode:
        raise typer.Exit(done.returncode)
