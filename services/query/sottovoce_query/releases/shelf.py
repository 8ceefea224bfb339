"""Every release that holds, ready to be served again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from sottovoce.ledger import Body
from sottovoce.ledger.codec import BODY_BYTES
from sottovoce.privacy import ChargeRecord, Noise, ReleaseKey


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """A release that holds.

    Attributes:
        name: of its body on the topic `releases`.
        noise: what was added; None for real rows.
        body: what was released.
    """

    name: bytes
    noise: Noise | None
    body: Body


class Shelf:
    """Releases by what they are of. Safe to use from several threads.

    Attributes:
        revision: grows when releases were thinned or taken back.
        rows_put: how many samples of real rows were taken in.
    """

    def __init__(self) -> None:
        self.revision = 0
        self.rows_put = 0
        self._lock = threading.Lock()
        self._series: dict[ReleaseKey, _Series] = {}
        self._whole: set[ReleaseKey] = set()

    def put(self, record: ChargeRecord, content: bytes) -> None:
        """Take in a release that holds, as it stands in the log.

        Raises:
            LedgerError: the content is no body.
        """
        body, key = Body.from_bytes(content), record.key.series
        with self._lock:
            series = self._series.get(key)
            if series is None:
                series = self._series[key] = _Series(record.noise, body)
            series.draws[record.key.draw] = series.pack(record.body, body, content)
            if body.domain in THINNED and body.places is None:
                self._whole.add(key)
            self.rows_put += key.statistic == ROWS

    def withdraw(self, name: bytes) -> None:
        """Let go of real rows that were taken back, by the name of their body."""
        with self._lock:
            for _, series in self._of_rows():
                for draw, packed in list(series.draws.items()):
                    if _name(packed) == name:
                        del series.draws[draw]
                        self.revision += 1

    def names_of_rows(self, data_set: str, slices: frozenset[int]) -> list[bytes]:
        """Return the bodies of the real rows that are held of some slices."""
        with self._lock:
            return [
                _name(packed)
                for key, series in self._of_rows()
                if key.data_set == data_set and key.slices[0] in slices
                for packed in series.draws.values()
            ]

    def slices_with_rows(self, data_set: str) -> list[int]:
        """Return the slices whose real rows are held."""
        with self._lock:
            return [
                key.slices[0]
                for key, series in self._of_rows()
                if key.data_set == data_set and series.draws
            ]

    def get(self, key: ReleaseKey) -> Release | None:
        """Return a release; None where none holds."""
        series = self._series.get(key.series)
        packed = None if series is None else series.draws.get(key.draw)
        return None if series is None or packed is None else series.unpack(packed)

    def thin(
        self, data_set: str, before_ms: int, threshold: float
    ) -> dict[bytes, tuple[Body, Body]]:
        """Thin whole vectors of slices that began before a time.

        Args:
            data_set: whose releases.
            before_ms: slices that began before it.
            threshold: how many standard deviations of its noise a value must reach to stay.

        Returns:
            The old and the new bodies of what was thinned, by name.
        """
        changed = {}
        with self._lock:
            for key in [each for each in self._whole if each.data_set == data_set]:
                series = self._series[key]
                if key.slices[0] >= before_ms or not series.noise:
                    continue
                self._whole.remove(key)
                least = int(np.ceil(threshold * series.noise.variance**0.5))
                for draw, packed in series.draws.items():
                    name, old = _name(packed), series.unpack(packed).body
                    new = old.thinned(least)
                    if new is not old:
                        series.draws[draw] = series.pack(name, new, new.to_bytes())
                        self.revision += 1
                        changed[name] = old, new
        return changed

    def drop_before(self, data_set: str, before_ms: int) -> None:
        """Let go of the releases of slices that began before a time; the log still has them."""
        with self._lock:
            for key in list(self._series):
                if key.data_set == data_set and len(key.slices) == 1 and key.slices[0] < before_ms:
                    del self._series[key]
                    self._whole.discard(key)

    def __len__(self) -> int:
        with self._lock:
            return sum(len(series.draws) for series in self._series.values())

    def sizes(self) -> Iterator[tuple[str, str, int]]:
        """Yield data set, statistic and number of releases."""
        with self._lock:
            counts: dict[tuple[str, str], int] = {}
            for key, series in self._series.items():
                at = key.data_set, key.statistic
                counts[at] = counts.get(at, 0) + len(series.draws)
        for (data_set, statistic), count in counts.items():
            yield data_set, statistic, count

    def _of_rows(self) -> Iterator[tuple[ReleaseKey, _Series]]:
        return (each for each in self._series.items() if each[0].statistic == ROWS)


ROWS: Final = "rows"
"""The statistic of real rows."""

THINNED: Final = frozenset({"tracks", "artists"})
"""Domains whose vectors are long enough to be worth thinning."""


class _Series:
    """Draws with one noise, each as one string of bytes: a month has 150,000, most of them short.

    First the name of the body. Then a vector of a small domain as it is, in as few bytes a value as
    it fits in, since many are added up at once; anything else as it stands in the log. The last
    byte tells which.

    Args:
        noise: of all draws; the ledger sees to that.
        like: one of them, whose domain the others have, too.
    """

    __slots__ = ("catalogue_version", "domain", "draws", "noise")

    def __init__(self, noise: Noise | None, like: Body) -> None:
        self.noise = noise
        self.domain = like.domain
        self.catalogue_version = like.catalogue_version
        self.draws: dict[int | None, bytes] = {}

    def pack(self, name: bytes, body: Body, content: bytes) -> bytes:
        """Return a draw as it is kept."""
        if body.domain in THINNED or not self._is_plain(body):
            return b"".join((name, content, _AS_IN_THE_LOG))
        values = body.values
        # A type of integers reaches one further below 0 than above.
        reach = min(int(values.min(initial=0)), -int(values.max(initial=0)) - 1)
        kind = np.min_scalar_type(reach)
        return b"".join((name, values.astype(kind).tobytes(), kind.char.encode()))

    def unpack(self, packed: bytes) -> Release:
        """Return a draw as it was released."""
        name, kind = _name(packed), packed[-1:]
        if kind == _AS_IN_THE_LOG:
            return Release(name, self.noise, Body.from_bytes(packed[BODY_BYTES:-1]))
        values = np.frombuffer(memoryview(packed)[BODY_BYTES:-1], kind.decode())
        return Release(name, self.noise, Body(self.domain, self.catalogue_version, values))

    def _is_plain(self, body: Body) -> bool:
        """Whether nothing is lost when only the values are kept."""
        alike = (body.domain, body.catalogue_version) == (self.domain, self.catalogue_version)
        more = body.places is not None or body.other_threshold or body.rows
        return alike and not more


_AS_IN_THE_LOG: Final = b"."


def _name(packed: bytes) -> bytes:
    return packed[:BODY_BYTES]
