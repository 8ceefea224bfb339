"""Every release that holds, ready to be served again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sottovoce.ledger import Body
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
        self._of_slice: dict[tuple[str, str, int], dict[tuple[str, int | None], Release]] = {}
        self._of_union: dict[ReleaseKey, Release] = {}

    def put(self, record: ChargeRecord, body: Body) -> None:
        """Take in a release that holds."""
        key = record.key
        release = Release(record.body, record.noise, replace(body, values=_narrow(body)))
        with self._lock:
            if len(key.slices) > 1:
                self._of_union[key] = release
            else:
                place = (key.data_set, key.statistic, key.slices[0])
                self._of_slice.setdefault(place, {})[key.parameters, key.draw] = release
                self.rows_put += key.statistic == ROWS

    def withdraw(self, name: bytes) -> None:
        """Let go of real rows that were taken back, by the name of their body."""
        with self._lock:
            for (_, statistic, _), releases in self._of_slice.items():
                if statistic != ROWS:
                    continue
                for draw, release in list(releases.items()):
                    if release.name == name:
                        del releases[draw]
                        self.revision += 1

    def names_of_rows(self, data_set: str, slices: frozenset[int]) -> list[bytes]:
        """Return the bodies of the real rows that are held of some slices."""
        with self._lock:
            return [
                release.name
                for slice_ms in slices
                for release in self._of_slice.get((data_set, ROWS, slice_ms), {}).values()
            ]

    def slices_with_rows(self, data_set: str) -> list[int]:
        """Return the slices whose real rows are held."""
        with self._lock:
            return [
                slice_ms
                for (name, statistic, slice_ms), releases in self._of_slice.items()
                if (name, statistic) == (data_set, ROWS) and releases
            ]

    def get(self, key: ReleaseKey) -> Release | None:
        """Return a release; None where none holds."""
        if len(key.slices) > 1:
            return self._of_union.get(key)
        found = self._of_slice.get((key.data_set, key.statistic, key.slices[0]))
        return None if found is None else found.get((key.parameters, key.draw))

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
            for place, releases in self._of_slice.items():
                if place[0] != data_set or place[2] >= before_ms:
                    continue
                for draw, release in releases.items():
                    old = release.body
                    if old.domain not in THINNED or old.places is not None or not release.noise:
                        continue
                    new = old.thinned(int(np.ceil(threshold * release.noise.variance**0.5)))
                    releases[draw] = replace(release, body=replace(new, values=_narrow(new)))
                    self.revision += 1
                    changed[release.name] = old, new
        return changed

    def drop_before(self, data_set: str, before_ms: int) -> None:
        """Let go of the releases of slices that began before a time; the log still has them."""
        with self._lock:
            old = [at for at in self._of_slice if at[0] == data_set and at[2] < before_ms]
            for place in old:
                del self._of_slice[place]

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._of_slice.values())) + len(self._of_union)

    def sizes(self) -> Iterator[tuple[str, str, int]]:
        """Yield data set, statistic and number of releases."""
        with self._lock:
            counts: dict[tuple[str, str], int] = {}
            for (data_set, statistic, _), releases in self._of_slice.items():
                at = data_set, statistic
                counts[at] = counts.get(at, 0) + len(releases)
            for key in self._of_union:
                at = key.data_set, key.statistic
                counts[at] = counts.get(at, 0) + 1
        for (data_set, statistic), count in counts.items():
            yield data_set, statistic, count


ROWS = "rows"
"""The statistic of real rows."""

THINNED = frozenset({"tracks", "artists"})
"""Domains whose vectors are long enough to be worth thinning."""


def _narrow(body: Body) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The values in as few bytes each as they fit in."""
    values = body.values
    if not len(values):
        return values
    # A type of integers reaches one further below 0 than above.
    return values.astype(np.min_scalar_type(min(int(values.min()), -int(values.max()) - 1)))
