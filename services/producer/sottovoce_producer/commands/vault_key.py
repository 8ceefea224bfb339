"""`sottovoce-producer vault-key FILE`, `vault-key rotate FILE` and `vault-key retire FILE`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from pydantic import Field
from pydantic_settings import CliPositionalArg

from sottovoce.kafka import KafkaSettings, LogReader, Topics
from sottovoce.service.settings import load_settings
from sottovoce_producer.errors import VaultError
from sottovoce_producer.vault import Vault, key_of
from sottovoce_producer.vault_keys import VaultKeys

_USAGE = (
    "usage: sottovoce-producer vault-key FILE\n"
    "       sottovoce-producer vault-key rotate FILE\n"
    "       sottovoce-producer vault-key retire FILE --kafka-bootstrap HOST:PORT\n\n"
    "  FILE         make the key of a vault: a file that only its owner can read. Keep it:\n"
    "               without it no pseudonym of the vault can be read again\n"
    "  rotate FILE  add a new sealing key; a running producer seals every entry again under it\n"
    "  retire FILE  drop the older sealing keys, once no entry stands under them\n"
)


class RetireSettings(KafkaSettings):
    """`sottovoce-producer vault-key retire FILE`: drop the sealing keys that nothing needs."""

    file: CliPositionalArg[Path] = Field(description="The vault's key file")


def main(arguments: list[str]) -> None:
    """Make, rotate or retire the key of a vault."""
    match arguments:
        case ["retire", *others]:
            settings = load_settings(RetireSettings, "sottovoce-producer vault-key retire", others)
            _retire(settings)
        case ["rotate", path] if not path.startswith("-"):
            _rotate(Path(path))
        case [path] if not path.startswith("-") and path != "rotate":
            _make(Path(path))
        case _:
            asked = arguments[-1:] in (["-h"], ["--help"])
            (sys.stdout if asked else sys.stderr).write(_USAGE)
            raise SystemExit(0 if asked else 2)


def _make(path: Path) -> None:
    keys = VaultKeys.create()
    keys.save(path)
    sys.stdout.write(f"made the vault key {keys.current.key_id} in {path}\n")


def _rotate(path: Path) -> None:
    keys = VaultKeys.load(path).rotated()
    keys.replace(path)
    sys.stdout.write(
        f"{path} seals under {keys.current.key_id} from now on and still opens what stands under "
        f"{', '.join(each.key_id for each in keys.older)}: when the producer says that every entry "
        f"stands under its current key, `sottovoce-producer vault-key retire {path}` drops the "
        "older\n"
    )


def _retire(settings: RetireSettings) -> None:
    path = settings.file
    keys = VaultKeys.load(path)
    if not keys.older:
        sys.stdout.write(f"{path} holds no older sealing key: nothing to do\n")
        return
    settings.require_broker()
    entries = _entries(settings)
    only_current = Vault(keys.retired())
    under = Counter(key_of(value) for value in entries.values())
    current = under.pop(keys.current.key_id, 0)
    where = f"the vault {Topics(settings.kafka_topic_prefix).vault!r} at {settings.kafka_bootstrap}"
    if under:
        held = ", ".join(f"{count:,} under {key_id!r}" for key_id, count in sorted(under.items()))
        raise VaultError(
            f"{where} still has entries under older keys ({held}): run the producer with this key "
            "file until it says that every entry stands under its current key"
        )
    if not current:
        raise VaultError(
            f"{where} has no entry under the current key {keys.current.key_id!r}: give the "
            "kafka_bootstrap and kafka_topic_prefix of this key's vault"
        )
    for key, value in entries.items():
        only_current.open(key, value)
    keys.retired().replace(path)
    sys.stdout.write(
        f"dropped {', '.join(each.key_id for each in keys.older)} from {path}: all {current:,} "
        f"entries open under {keys.current.key_id}\n"
    )


def _entries(settings: KafkaSettings) -> dict[bytes, bytes]:
    entries: dict[bytes, bytes] = {}
    with LogReader(settings, [(Topics(settings.kafka_topic_prefix).vault, 0)]) as reader:
        for record in reader.to_end():
            if record.value is None:
                entries.pop(record.key, None)
            else:
                entries[record.key] = record.value
    return entries
