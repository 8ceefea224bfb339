"""Putting a writer together from settings: fence, read back, start."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from sottovoce.data_sets.registry import Registry
from sottovoce.kafka import LogReader, Topics
from sottovoce_producer.accounts import Accounts
from sottovoce_producer.errors import VaultError
from sottovoce_producer.filters import Filters
from sottovoce_producer.listen_log import ListenLog
from sottovoce_producer.listeners import Listeners
from sottovoce_producer.recovery import note_seal, recover
from sottovoce_producer.resealing import Resealing
from sottovoce_producer.session import Session, system_clock_ms
from sottovoce_producer.settings import WriterSettings
from sottovoce_producer.state import WriterState
from sottovoce_producer.truth import Truth
from sottovoce_producer.vault import Vault, random_pseudonym, seeded_pseudonyms
from sottovoce_producer.vault_keys import KEY_BYTES, KeyFile, SealingKey, VaultKeys
from sottovoce_producer.writer import Writer


def vault_keys(settings: WriterSettings) -> VaultKeys:
    """Return the vault's keys from their file; from the seed of tests where there is none.

    Raises:
        VaultError: the file is missing or malformed.
    """
    if settings.vault_key_file is not None:
        return VaultKeys.load(settings.vault_key_file)
    if settings.pseudonym_seed is None:
        raise VaultError(
            "vault_key_file is not set: `sottovoce-producer vault-key FILE` makes one; give it as "
            "--vault-key-file FILE"
        )
    seed = settings.pseudonym_seed.encode()
    digest = hashlib.shake_256(b"sottovoce vault key of tests\n" + seed).digest(2 * KEY_BYTES)
    return VaultKeys(digest[:KEY_BYTES], SealingKey("unsafe-seed", digest[KEY_BYTES:]))


class Follower:
    """Follows the terms of data sets, the seals of those that are sealed, and names taken back.

    A seal stands in every shard, so the first shard's log is enough to see it.
    """

    def __init__(self, settings: WriterSettings, registry: Registry, state: WriterState) -> None:
        self._registry = registry
        topics = Topics(settings.kafka_topic_prefix)
        self._names = state.track_names
        told = (topics.tracks, 0)
        self._told = LogReader(settings, [told], start={told: state.read_to[told]})
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
        for record in self._told.poll(timeout=0.0):
            if record.value is None:
                self._names.forget(record.key)
        return self._registry.refresh()

    def close(self) -> None:
        """Let go of the connections."""
        for _, reader in self._sealed:
            reader.close()
        self._told.close()
        self._registry.close()


@dataclass(frozen=True, slots=True)
class Assembly:
    """A writer and what it stands on.

    Attributes:
        writer: ready to write.
        accounts: resolves and forgets.
        resealing: seals again what stands under an older key.
        registry: data sets, terms, catalogues.
        follower: looks for news of both.
    """

    writer: Writer
    accounts: Accounts
    resealing: Resealing
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
    key_file = KeyFile(settings.vault_key_file) if settings.vault_key_file is not None else None
    keys = vault_keys(settings) if key_file is None else key_file.keys
    settings.require_broker()
    seed = settings.pseudonym_seed
    listeners = Listeners(
        Vault(keys),
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
    session = Session(
        log,
        Topics(settings.kafka_topic_prefix),
        state,
        clock_ms=clock_ms,
        key_file=key_file,
        cursor_suffix=suffix,
    )
    writer = Writer(
        session, follow=follower, late_to_history=settings.late_to_history, witness=truth
    )
    return Assembly(writer, Accounts(session), Resealing(session), registry, follower)
