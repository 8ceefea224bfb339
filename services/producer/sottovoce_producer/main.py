"""The command `sottovoce-producer`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Final

from sottovoce.errors import SottovoceError

_COMMANDS: Final[Mapping[str, str]] = {
    "run": "write plays: the simulator's, and those handed over gRPC",
    "log": "write the plays of a listening log",
    "history": "import one's own listening history, as Spotify exports it",
    "spotify": "connect Spotify accounts, whose plays `run` then polls",
    "forget": "forget an account: retire its pseudonym, drop its tokens and cursors",
    "vault-key": "make the key of a vault, rotate it, retire older ones",
    "made-up-catalogue": "write a catalogue of made-up tracks as CSV",
}
"""Each command and its line of help; its module of that name is imported when it is run."""


def _help() -> str:
    width = max(map(len, _COMMANDS))
    lines = "\n".join(f"  {name:{width}}  {what}" for name, what in _COMMANDS.items())
    return (
        "usage: sottovoce-producer COMMAND [options]\n\n"
        f"commands:\n{lines}\n\n"
        "`sottovoce-producer COMMAND --help` lists every setting; each can also be given as an\n"
        "environment variable, SOTTOVOCE_ and its name in capitals.\n"
    )


def main() -> None:
    """Run the command that the command line names."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        raise SystemExit(0 if arguments else 2)
    name, *others = arguments
    if name not in _COMMANDS:
        sys.stderr.write(f"error: no command {name!r}\n\n{_help()}")
        raise SystemExit(2)
    command = import_module(f"sottovoce_producer.commands.{name.replace('-', '_')}")
    try:
        command.main(others)
    except SottovoceError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
