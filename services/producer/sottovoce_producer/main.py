"""The command `sottovoce-producer`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final

from sottovoce.errors import SottovoceError
from sottovoce.service.settings import end_with_error
from sottovoce_producer.commands import history, log, made_up_catalogue, run, spotify, vault_key

_COMMANDS: Final[Mapping[str, tuple[Callable[[list[str]], None], str]]] = {
    "run": (run.main, "write plays: the simulator's, and those handed over gRPC"),
    "log": (log.main, "write the plays of a listening log"),
    "history": (history.main, "import one's own listening history, as Spotify exports it"),
    "spotify": (spotify.main, "connect Spotify accounts, whose plays `run` then polls"),
    "vault-key": (vault_key.main, "make the key of a vault"),
    "made-up-catalogue": (made_up_catalogue.main, "write a catalogue of made-up tracks as CSV"),
}


def _help() -> str:
    width = max(map(len, _COMMANDS))
    lines = "\n".join(f"  {name:{width}}  {what}" for name, (_, what) in _COMMANDS.items())
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
    command = _COMMANDS.get(arguments[0])
    if command is None:
        sys.stderr.write(f"error: no command {arguments[0]!r}\n\n{_help()}")
        raise SystemExit(2)
    try:
        command[0](arguments[1:])
    except SottovoceError as error:
        end_with_error(error)


if __name__ == "__main__":
    main()
