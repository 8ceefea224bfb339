"""The listeners of one writer, numbered; what is new of them waits for the commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import mmh3
import numpy as np
import numpy.typing as npt

from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.resting import Resting
from sottovoce_producer.vault import (
    Pseudonym,
    PseudonymMaker,
    Vault,
    key_of,
    pseudonym_bytes,
    writer_of,
)

FOREIGN: Final = -1
"""The number of an account that another writer owns."""

RESTING: Final = -2
"""The number of an account that was forgotten and does not count again yet."""

NOBODY: Final = 2**32 - 1
"""A number that no account is given."""

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
        numbers: one for each account; `FOREIGN` for another writer's, `RESTING` for one that is
            refused.
        new: those who were given one just now; numbered on from all that were ever given.
    """

    numbers: Longs
    new: list[NewListener]


class Listeners:
    """Accounts, their numbers and pseudonyms. A number is never given twice.

    Args:
        vault: seals their entries.
        make_pseudonym: makes a new listener's pseudonym.
        writers: how many writers there are.
        writer_index: which of them this is.

    Attributes:
        vault: the same.
        resting: accounts that were forgotten.
    """

    def __init__(
        self,
        vault: Vault,
        make_pseudonym: PseudonymMaker,
        *,
        writers: int = 1,
        writer_index: int = 0,
    ) -> None:
        self.vault = vault
        self.resting = Resting()
        self._make_pseudonym = make_pseudonym
        self._writers = writers
        self._writer_index = writer_index
        self._given = 0
        self._numbers: dict[str, int] = {}
        self._by_pseudonym: dict[Pseudonym, int] = {}
        self._ids = np.zeros((_FEWEST, 2), np.uint64)
        self._hashes = np.zeros(_FEWEST, np.uint32)
        self._created_ms = np.zeros(_FEWEST, np.int64)
        self._tokens: dict[str, bytes] = {}
        self._older: set[str] = set()
        self._sealed_with = vault.current_id

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, accounts: Sequence[str], now_ms: int = 0) -> Numbered:
        """Return the numbers of accounts, with new ones for those never seen.

        The new ones are kept with `commit`; without it the next call gives their numbers anew.

        Args:
            accounts: who.
            now_ms: the time, which tells whose rest is over; at 0 nobody's is.
        """
        known = self._numbers
        numbers = [known.get(account) for account in accounts]
        new: list[NewListener] = []
        if None in numbers:
            for place, account in enumerate(accounts):
                if numbers[place] is None:
                    numbers[place] = self._number_new(account, new, now_ms)
        return Numbered(np.array(numbers, np.int64), new)

    def _number_new(self, account: str, new: list[NewListener], now_ms: int) -> int:
        record_key = self.vault.record_key(account)
        if not self.owns(record_key):
            return FOREIGN
        if self.resting.refuses(record_key, now_ms):
            return RESTING
        listener = NewListener(account, record_key, *self._make_pseudonym(account))
        number = self._given + len(new)
        self._place(number, listener.high, listener.low)
        new.append(listener)
        return number

    @property
    def writers(self) -> int:
        """How many writers share the accounts."""
        return self._writers

    def owns(self, record_key: bytes) -> bool:
        """Return whether the account of a vault record is this writer's."""
        return writer_of(record_key, self._writers) == self._writer_index

    def sealed(self, new: NewListener, now_ms: int) -> bytes:
        """Return the vault's record of a new listener."""
        return self._sealed(new.account, new.record_key, new.high, new.low, now_ms, b"")

    def sealed_tokens(self, account: str, number: int, tokens: bytes, now_ms: int) -> bytes:
        """Return the vault's record of a listener with the tokens of a connection."""
        created_ms = int(self._created_ms[number]) if number < self._given else now_ms
        record_key = self.vault.record_key(account)
        return self._sealed(account, record_key, *self.pseudonym(number), created_ms, tokens)

    def sealed_again(self, account: str) -> bytes:
        """Return the vault's record of a listener as it is, under the current key."""
        number, tokens = self._numbers[account], self._tokens.get(account, b"")
        return self.sealed_tokens(account, number, tokens, 0)

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
        return self.vault.seal(record_key, entry)

    def record_key(self, account: str) -> bytes:
        """Return the key of an account's record in the vault."""
        return self.vault.record_key(account)

    def commit(self, new: Sequence[NewListener], now_ms: int = 0) -> None:
        """Keep listeners, in the order in which `number` gave them."""
        for each in new:
            self._numbers[each.account] = self._given
            self._by_pseudonym[each.high, each.low] = self._given
            self._created_ms[self._given] = now_ms
            self._given += 1

    def commit_tokens(self, account: str, tokens: bytes) -> None:
        """Keep the tokens of an account's connection."""
        self._tokens[account] = tokens
        self._older.discard(account)

    def connections(self) -> dict[str, bytes]:
        """Return the tokens of every account that is connected to a source."""
        return dict(self._tokens)

    def use_current_key(self) -> None:
        """Note that the vault has other keys than before: what stands under others is older."""
        if self._sealed_with != self.vault.current_id:
            self._sealed_with = self.vault.current_id
            self._older = set(self._numbers)

    def under_older_keys(self, most: int) -> list[str]:
        """Return some accounts whose records stand under an older key."""
        return [account for account, _ in zip(self._older, range(most), strict=False)]

    @property
    def older_entries(self) -> int:
        """How many records stand under an older key."""
        return len(self._older)

    def commit_sealed_again(self, accounts: Sequence[str]) -> None:
        """Note that the records of accounts stand under the current key."""
        self._older.difference_update(accounts)

    def restore(self, record_key: bytes, value: bytes) -> None:
        """Learn a record of the vault; another writer's is left alone.

        Raises:
            VaultError: the record does not open.
        """
        if not self.owns(record_key):
            return
        entry = self.vault.open(record_key, value)
        high, low = entry.listener_high, entry.listener_low
        if entry.account not in self._numbers:
            self._place(self._given, high, low)
            new = NewListener(entry.account, record_key, high, low)
            self.commit([new], entry.created_at_ms)
            if entry.tokens:
                self.commit_tokens(entry.account, entry.tokens)
            if key_of(value) != self.vault.current_id:
                self._older.add(entry.account)

    def _place(self, number: int, high: int, low: int) -> None:
        if number >= len(self._ids):
            self._ids = np.concatenate([self._ids, np.zeros_like(self._ids)])
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
            self._created_ms = np.concatenate([self._created_ms, np.zeros_like(self._created_ms)])
        self._ids[number] = high, low
        self._hashes[number] = mmh3.hash(pseudonym_bytes((high, low)), 0, signed=False)

    def forget(self, account: str) -> None:
        """Drop all that is known of an account, if anything is; its number stays unused."""
        number = self._numbers.pop(account, None)
        if number is None:
            return
        del self._by_pseudonym[self.pseudonym(number)]
        self._tokens.pop(account, None)
        self._older.discard(account)
        self._ids[number] = 0
        self._hashes[number] = 0
        self._created_ms[number] = 0

    def number_of(self, account: str) -> int | None:
        """Return the number of an account that is known; None of another."""
        return self._numbers.get(account)

    def account_of(self, pseudonym: Pseudonym) -> str | None:
        """Return whose pseudonym it is; None if it is nobody's here. Looks at every account."""
        wanted = self._by_pseudonym.get(pseudonym)
        if wanted is None:
            return None
        return next(account for account, number in self._numbers.items() if number == wanted)

    def find(self, high: Sequence[int], low: Sequence[int]) -> Longs:
        """Return the numbers of pseudonyms, `FOREIGN` for those that are not this writer's."""
        find = self._by_pseudonym.get
        return np.array([find(pair, FOREIGN) for pair in zip(high, low, strict=True)], np.int64)

    def ids(self, numbers: Longs) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Return the high and low halves of listeners' pseudonyms."""
        ids = self._ids[numbers]
        return ids[:, 0], ids[:, 1]

    def pseudonym(self, number: int) -> Pseudonym:
        """Return one listener's pseudonym."""
        high, low = self._ids[number].tolist()
        return high, low

    def shards(self, numbers: Longs, shards: int) -> Longs:
        """Return the shard of each listener in a data set of so many."""
        return (self._hashes[numbers] % np.uint32(shards)).astype(np.int64)
