"""`sottovoce smoke`: run it all once, and compare every released answer with the truth."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sottovoce.cli.output import FormatOption, OutputFormat, print_rows
from sottovoce.errors import SottovoceError

if TYPE_CHECKING:
    from sottovoce.local.checks import Check

app = typer.Typer(add_completion=False)


LATE: Final = "listens refused as late"


class SmokeFailedError(SottovoceError):
    """An answer is farther from the truth than its interval allows."""


@app.command()
def smoke(
    form: FormatOption = OutputFormat.TABLE,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Where it runs; kept.", show_default="a new one, removed when all is fine"
        ),
    ] = None,
    rate: Annotated[float, typer.Option(min=10, help="Made-up plays a second.")] = 300.0,
    slice_seconds: Annotated[int, typer.Option(min=4, help="Length of a slice.")] = 6,
    epsilon: Annotated[
        float, typer.Option(min=0.1, max=100, help="What a listener's slice may give away.")
    ] = 4.0,
) -> None:
    """Start a real Kafka, Spark and everything else; ask every question; stop.

    Answers have gone through the privacy gate: they are held against the simulator's exact truth by
    their intervals. Uses free ports, so it runs beside a demo. Exit 0 if all is fine, else 1.
    """
    from sottovoce.local.ending import ending_signals
    from sottovoce.local.jars import default_folder

    began = time.monotonic()

    def progress(line: str) -> None:
        typer.echo(f"{time.monotonic() - began:5.1f} s  {line}", err=True)

    if folder is None:
        default_folder().mkdir(parents=True, exist_ok=True)
        here = Path(tempfile.mkdtemp(dir=default_folder(), prefix="smoke-"))
    else:
        here = folder
    with ending_signals():
        checks = _run(here, rate, slice_seconds, epsilon, progress)
    progress("all is stopped")
    wrong = [each for each in checks if not each.fine]
    print_rows(
        [
            {
                "question": each.question,
                "answer": each.answer,
                "truth": each.truth,
                "ok": each.fine if form is OutputFormat.JSON else "ok" if each.fine else "WRONG",
            }
            for each in checks
        ],
        {"question": "question", "answer": "answer", "truth": "truth", "ok": "ok"},
        form,
    )
    if folder is None and not wrong:
        shutil.rmtree(here)
    if wrong:
        raise SmokeFailedError(_why(wrong, len(checks)))
    typer.echo(f"All {len(checks)} answers agree with the truth.", err=True)


def _why(wrong: list[Check], of: int) -> str:
    late = [each.answer for each in wrong if each.question == LATE]
    if late:
        return (
            f"{late[0]} listens came so late, on a machine this busy, that the consumer refused "
            "them, as it should: try again with a lower --rate, or when less else runs"
        )
    names = ", ".join(each.question for each in wrong)
    return f"{len(wrong)} of {of} answers disagree with the truth: {names}"


def _run(
    folder: Path, rate: float, slice_seconds: int, epsilon: float, progress: object
) -> list[Check]:
    from sottovoce.local.settings import StackPorts, StackSettings
    from sottovoce.local.smoke import run_smoke
    from sottovoce.local.stack import Stack

    assert callable(progress)
    settings = StackSettings(
        folder.absolute(),
        StackPorts.free(),
        rate=rate,
        slice_ms=slice_seconds * 1000,
        epsilon=epsilon,
        seats=600,
        listens_per_slice=3,  # few, so that some listeners reach the bound
        lateness_ms=8_000,  # a busy machine must not make listens late
        truth=True,
    )
    with Stack(settings, progress) as stack:
        return run_smoke(stack, progress)
