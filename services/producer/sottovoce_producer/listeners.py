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
        entry = producer_pb2.VaultEntry(
            account=new.account,
            listener_high=new.high,
            listener_low=new.low,
            created_at_ms=now_ms,
        )
        return self._vault.seal(new.record_key, entry)

    def commit(self, new: Sequence[NewListener]) -> None:
        """Keep listeners, in the order in which `number` gave them."""
        for each in new:
            number = len(self)
            self._numbers[each.account] = number
            self._by_pseudonym[each.high, each.low] = number

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
            self.commit([NewListener(entry.account, record_key, high, low)])

    def _place(self, number: int, high: int, low: int) -> None:
        if number >= len(self._ids):
            self._ids = np.concatenate([self._ids, np.zeros_like(self._ids)])
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
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
