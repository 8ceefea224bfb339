"""The listeners of one writer, numbered; what is new of them waits for the commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import mmh3
import numpy as np
import numpy.typing as npt

from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.vault import PseudonymMaker, Vault, writer_of

FOREIGN: Final = -1
"""The number of an account that another writer owns."""

_FEWEST: Final = 1024

type Longs = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NewListener:
    """A listener that the vault does not hold yet."""

    account: str
    record_key: bytes
    high: int
    low: int


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """The numbers of some accounts.

    Attributes:
        numbers: one for each account, `FOREIGN` for another writer's.
        new: those who were given one just now; numbered on from the listeners there are.
    """

    numbers: Longs
    new: list[NewListener]


class Listeners:
    """Accounts, their numbers and pseudonyms.

    Args:
        vault: seals their entries.
        make_pseudonym: makes a new listener's pseudonym.
        writers: how many writers there are.
        writer_index: which of them this is.
    """

    def __init__(
        self,
        vault: Vault,
        make_pseudonym: PseudonymMaker,
        *,
        writers: int = 1,
        writer_index: int = 0,
    ) -> None:
        self._vault = vault
        self._make_pseudonym = make_pseudonym
        self._writers = writers
        self._writer_index = writer_index
        self._numbers: dict[str, int] = {}
        self._by_pseudonym: dict[tuple[int, int], int] = {}
        self._ids = np.zeros((_FEWEST, 2), np.uint64)
        self._hashes = np.zeros(_FEWEST, np.uint32)
        self._created_ms = np.zeros(_FEWEST, np.int64)
        self._tokens: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._by_pseudonym)

    def number(self, accounts: Sequence[str]) -> Numbered:
        """Return the numbers of accounts, with new ones for those never seen.

        The new ones are kept with `commit`; without it the next call gives their numbers anew.
        """
        known = self._numbers
        numbers = [known.get(account) for account in accounts]
        new: list[NewListener] = []
        if None in numbers:
            for place, account in enumerate(accounts):
                if numbers[place] is None:
                    numbers[place] = self._number_new(account, new)
        return Numbered(np.array(numbers, np.int64), new)

    def _number_new(self, account: str, new: list[NewListener]) -> int:
        record_key = self._vault.record_key(account)
        if writer_of(record_key, self._writers) != self._writer_index:
            return FOREIGN
        listener = NewListener(account, record_key, *self._make_pseudonym(account))
        number = len(self) + len(new)
        self._place(number, listener.high, listener.low)
        new.append(listener)
        return number

    def sealed(self, new: NewListener, now_ms: int) -> bytes:
        """Return the vault's record of a new listener."""
        return self._sealed(new.account, new.record_key, new.high, new.low, now_ms, b"")

    def sealed_tokens(self, account: str, number: int, tokens: bytes, now_ms: int) -> bytes:
        """Return the vault's record of a listener with the tokens of a connection."""
        created_ms = int(self._created_ms[number]) if number < len(self) else now_ms
        record_key = self._vault.record_key(account)
        return self._sealed(account, record_key, *self.pseudonym(number), created_ms, tokens)

    def _sealed(
        self, account: str, record_key: bytes, high: int, low: int, created_ms: int, tokens: bytes
    ) -> bytes:
        entry = producer_pb2.VaultEntry(
            account=account,
            listener_high=high,
            listener_low=low,
            created_at_ms=created_ms,
            tokens=tokens,
        )
        return self._vault.seal(record_key, entry)

    def record_key(self, account: str) -> bytes:
        """Return the key of an account's record in the vault."""
        return self._vault.record_key(account)

    def commit(self, new: Sequence[NewListener], now_ms: int = 0) -> None:
        """Keep listeners, in the order in which `number` gave them."""
        for each in new:
            number = len(self)
            self._numbers[each.account] = number
            self._by_pseudonym[each.high, each.low] = number
            self._created_ms[number] = now_ms

    def commit_tokens(self, account: str, tokens: bytes) -> None:
        """Keep the tokens of an account's connection."""
        self._tokens[account] = tokens

    def connections(self) -> dict[str, bytes]:
        """Return the tokens of every account that is connected to a source."""
        return dict(self._tokens)

    def restore(self, record_key: bytes, value: bytes) -> None:
        """Learn a record of the vault; another writer's is left alone.

        Raises:
            VaultError: the record does not open.
        """
        if writer_of(record_key, self._writers) != self._writer_index:
            return
        entry = self._vault.open(record_key, value)
        high, low = entry.listener_high, entry.listener_low
        if entry.account not in self._numbers:
            self._place(len(self), high, low)
            new = NewListener(entry.account, record_key, high, low)
            self.commit([new], entry.created_at_ms)
            if entry.tokens:
                self.commit_tokens(entry.account, entry.tokens)

    def _place(self, number: int, high: int, low: int) -> None:
        if number >= len(self._ids):
            self._ids = np.concatenate([self._ids, np.zeros_like(self._ids)])
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
            self._created_ms = np.concatenate([self._created_ms, np.zeros_like(self._created_ms)])
        self._ids[number] = high, low
        pseudonym = high.to_bytes(8, "big") + low.to_bytes(8, "big")
        self._hashes[number] = mmh3.hash(pseudonym, 0, signed=False)

    def find(self, high: Sequence[int], low: Sequence[int]) -> Longs:
        """Return the numbers of pseudonyms, `FOREIGN` for those that are not this writer's."""
        find = self._by_pseudonym.get
        return np.array([find(pair, FOREIGN) for pair in zip(high, low, strict=True)], np.int64)

    def ids(self, numbers: Longs) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Return the high and low halves of listeners' pseudonyms."""
        ids = self._ids[numbers]
        return ids[:, 0], ids[:, 1]

    def pseudonym(self, number: int) -> tuple[int, int]:
        """Return the high and the low 64 bits of one listener's pseudonym."""
        high, low = self._ids[number].tolist()
        return high, low

    def shards(self, numbers: Longs, shards: int) -> Longs:
        """Return the shard of each listener in a data set of so many."""
        return (self._hashes[numbers] % np.uint32(shards)).astype(np.int64)
