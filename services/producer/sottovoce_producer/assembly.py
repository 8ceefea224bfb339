"""Putting a writer together from settings: fence, read back, start."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from sottovoce.data_sets.registry import Registry
from sottovoce.kafka import LogReader, Topics
from sottovoce_producer.errors import VaultError
from sottovoce_producer.filters import Filters
from sottovoce_producer.listen_log import ListenLog
from sottovoce_producer.listeners import Listeners
from sottovoce_producer.recovery import note_seal, recover
from sottovoce_producer.settings import WriterSettings
from sottovoce_producer.state import WriterState
from sottovoce_producer.truth import Truth
from sottovoce_producer.vault import (
    KEY_BYTES,
    Vault,
    VaultKey,
    random_pseudonym,
    seeded_pseudonyms,
)
from sottovoce_producer.writer import Writer, system_clock_ms


def vault_key(settings: WriterSettings) -> VaultKey:
    """Return the vault's key from its file; from the seed of tests where there is none.

    Raises:
        VaultError: the file is missing or malformed.
    """
    if settings.vault_key_file is not None:
        return VaultKey.load(settings.vault_key_file)
    if settings.pseudonym_seed is None:
        raise VaultError(
            "vault_key_file is not set: `sottovoce-producer vault-key FILE` makes one; give it as "
            "--vault-key-file FILE"
        )
    seed = settings.pseudonym_seed.encode()
    digest = hashlib.shake_256(b"sottovoce vault key of tests\n" + seed).digest(2 * KEY_BYTES)
    return VaultKey("unsafe-seed", digest[:KEY_BYTES], digest[KEY_BYTES:])


class Follower:
    """Follows the terms of data sets, and the seals of those that are sealed.

    A seal stands in every shard, so the first shard's log is enough to see it.
    """

    def __init__(self, settings: WriterSettings, registry: Registry, state: WriterState) -> None:
        self._registry = registry
        topics = Topics(settings.kafka_topic_prefix)
        self._sealed = []
        for name, intake in state.intakes.items():
            if not intake.data_set.by_append_time:
                first = (topics.listens(name), 0)
                reader = LogReader(settings, [first], start={first: state.read_to[first]})
                self._sealed.append((intake, reader))

    def __call__(self) -> bool:
        """Look for news; return whether there are terms that were not known."""
        for intake, reader in self._sealed:
            for record in reader.poll(timeout=0.0):
                note_seal(record, intake)
        return self._registry.refresh()

    def close(self) -> None:
        """Let go of the connections."""
        for _, reader in self._sealed:
            reader.close()
        self._registry.close()


@dataclass(frozen=True, slots=True)
class Assembly:
    """A writer and what it stands on.

    Attributes:
        writer: ready to write.
        registry: data sets, terms, catalogues.
        follower: looks for news of both.
    """

    writer: Writer
    registry: Registry
    follower: Follower

    def close(self) -> None:
        """Let go of the connections."""
        self.follower.close()


def assemble(settings: WriterSettings, clock_ms: Callable[[], int] = system_clock_ms) -> Assembly:
    """Fence every earlier writer of this index, read back what the log holds, return the writer.

    Raises:
        UnreachableBrokerError: no broker answers.
        VaultError: the vault's key is missing or the wrong one.
        LogError: the log can't be read.
    """
    key = vault_key(settings)
    settings.require_broker()
    seed = settings.pseudonym_seed
    listeners = Listeners(
        Vault(key),
        seeded_pseudonyms(seed) if seed is not None else random_pseudonym,
        writers=settings.writers,
        writer_index=settings.writer_index,
    )
    registry = Registry(settings)
    log = ListenLog(settings, f"writer-{settings.writer_index}")
    registry.refresh()
    state = recover(settings, registry, listeners, Filters(settings.filters), clock_ms())
    follower = Follower(settings, registry, state)
    several = settings.writers > 1
    suffix = f"@{settings.writer_index}/{settings.writers}" if several else ""
    truth = None
    if settings.truth_folder is not None:
        truth = Truth(settings.truth_folder, registry, state, suffix)
    writer = Writer(
        log,
        Topics(settings.kafka_topic_prefix),
        state,
        follow=follower,
        late_to_history=settings.late_to_history,
        clock_ms=clock_ms,
        witness=truth,
        cursor_suffix=suffix,
    )
    return Assembly(writer, registry, follower)
