"""`sottovoce demo`: the whole system on this machine, with a live panel."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sottovoce.local.stack import Stack

app = typer.Typer(add_completion=False)

_PORTS = "Ports"


def _port(what: str) -> Any:
    return typer.Option(min=1, max=65_535, help=what, rich_help_panel=_PORTS)


@app.command()
def demo(
    folder: Annotated[
        Path | None, typer.Option(help="Where it lives.", show_default=".local/demo")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on with what the folder holds from before.")
    ] = False,
    rate: Annotated[float, typer.Option(min=1, help="Made-up plays a second.")] = 300.0,
    listeners: Annotated[int, typer.Option(min=10, help="Made-up listeners.")] = 20_000,
    epsilon: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=100,
            help="What may be given away about one listener's slice of 30 s. The service's own "
            "default is 1, for slices of an hour or a day. A pane of the demo is 2 s: of its 600 "
            "plays noise leaves 13 % open at epsilon 4, 25 % at 2, 50 % at 1.",
        ),
    ] = 4.0,
    personal: Annotated[
        bool,
        typer.Option(
            "--personal",
            help="For your own history alone: nobody is made up, answers are exact, and a second "
            "listener is refused.",
        ),
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option("--for", min=0, help="Stop after so many seconds.", show_default="never"),
    ] = None,
    kafka_port: Annotated[int, _port("Kafka.")] = 19_092,
    query_port: Annotated[int, _port("The query service's gRPC.")] = 50_051,
    producer_port: Annotated[int, _port("The producer's own gRPC.")] = 50_061,
    producer_metrics_port: Annotated[int, _port("The producer's metrics.")] = 9_461,
    consumer_metrics_port: Annotated[int, _port("The consumer's metrics.")] = 9_462,
    query_metrics_port: Annotated[int, _port("The query service's metrics.")] = 9_463,
    dashboard_port: Annotated[int, _port("The dashboard.")] = 8_501,
    dashboard: Annotated[bool, typer.Option(help="Start the dashboard too.")] = True,
) -> None:
    """Start a real Kafka, made-up listeners, Spark, the query service and a dashboard, live.

    Needs Java 17 or newer; downloads Kafka the first time. Ctrl-C stops all of it.
    """
    from rich.console import Console

    from sottovoce.local.demo import watch
    from sottovoce.local.ending import ending_signals
    from sottovoce.local.jars import default_folder
    from sottovoce.local.settings import StackPorts, StackSettings
    from sottovoce.local.stack import Stack

    settings = StackSettings(
        (folder or default_folder() / "demo").absolute(),
        StackPorts(
            kafka_port,
            query_port,
            producer_port,
            producer_metrics_port,
            consumer_metrics_port,
            query_metrics_port,
            dashboard_port,
        ),
        keep=keep,
        rate=rate,
        listeners=listeners,
        seats=max(1, min(3_000, listeners // 2)),
        dashboard=dashboard,
        epsilon=epsilon,
        personal=personal,
    )
    console = Console()
    began = time.monotonic()

    def progress(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {line}", soft_wrap=True)

    try:
        with ending_signals():
            try:
                with Stack(settings, progress) as stack:
                    watch(stack, console, _addresses(stack), seconds)
                    progress("stopping")
            except KeyboardInterrupt:
                progress("stopped")
                return
            progress("stopped")
    finally:
        console.show_cursor()


def _addresses(stack: Stack) -> list[tuple[str, str]]:
    command = shutil.which("sottovoce") and "sottovoce"
    if command is None:
        program = Path(sys.argv[0])
        here = Path.cwd()
        command = str(program.relative_to(here) if program.is_relative_to(here) else program)
    ports = stack.settings.ports
    own = stack.settings.personal
    to = "" if ports.query == 50_051 else f" --address {stack.query_address}"
    kafka = stack.kafka.kafka_bootstrap
    metrics = (ports.producer_metrics, ports.consumer_metrics, ports.query_metrics)
    looks = [("dashboard", f"http://127.0.0.1:{ports.dashboard}")]
    years = "--data-set history --from 2016-01-01"
    asks = [
        ("import", f"{command}-producer history my_spotify_data.zip --kafka-bootstrap {kafka}"),
        ("seal", f"{command} seal --through 2026-01-01 --wait --kafka-bootstrap {kafka}"),
        ("ask", f"{command} ask top-artists {years}{to}"),
    ]
    if not own:
        asks = [
            ("ask", f"{command} ask top-tracks --last 1m{to}"),
            ("", f"{command} ask distinct-listeners{to}"),
            ("", f"{command} budget show{to}"),
        ]
    return [
        *(looks if stack.settings.dashboard else []),
        *asks,
        ("look", f"{command} topics list --kafka-bootstrap {kafka}"),
        ("metrics", " ".join(f"http://127.0.0.1:{port}/metrics" for port in metrics)),
        ("logs", str(stack.settings.folder / "log")),
    ]
