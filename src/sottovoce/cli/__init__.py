"""The command line `sottovoce`: one module a command, imported when it is run."""

from __future__ import annotations

from typing import Final

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("sottovoce.cli.demo:app", "Run the whole system on this machine, with a live panel."),
    "smoke": ("sottovoce.cli.smoke:app", "Run it all once, and compare every answer with truth."),
    "ask": ("sottovoce.cli.ask:app", "Ask the query service about the crowd."),
    "budget": (
        "sottovoce.cli.budget:app",
        "Show what was spent of the privacy budget, and on what.",
    ),
    "doctor": ("sottovoce.cli.doctor:app", "Look at this machine and at Kafka; say what to do."),
    "topics": ("sottovoce.cli.topics:app", "Create, list and check the topics and data sets."),
    "catalogue": (
        "sottovoce.cli.catalogue:app",
        "Import catalogues of tracks and put them to use.",
    ),
    "terms": ("sottovoce.cli.terms:app", "Show and change what coming slices are pinned to."),
    "access": ("sottovoce.cli.access:app", "Say who is let in to the services, and for what."),
    "seal": ("sottovoce.cli.seal:app", "Close days of a data set's past."),
    "erase": ("sottovoce.cli.erase:app", "Erase listeners, and certify that it was done."),
    "erasure": ("sottovoce.cli.erasure:app", "Check what certificates of erasures claim."),
}
"""Each command: where its typer application is, and its line in `sottovoce --help`."""


def main() -> None:
    """Run the command line; every failure is one sentence on stderr and exit code 1."""
    from sottovoce.cli.program import program

    program(prog_name="sottovoce")
