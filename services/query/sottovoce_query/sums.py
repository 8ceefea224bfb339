"""Adding up releases over public domains, whole or thinned, from one catalogue or several."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sottovoce.ledger import Body
from sottovoce.privacy import Noise
from sottovoce_query.figures import Figures
from sottovoce_query.releases.shelf import Release

type Keys = npt.NDArray[np.uint64]
type Counts = npt.NDArray[np.int64]


@dataclass(slots=True, eq=False)
class _OfCatalogue:
    """What was added up over one catalogue's domain."""

    values: Counts
    missing: Counts


@dataclass(slots=True)
class KeyedSum:
    """A sum of releases by track or artist.

    Attributes:
        noises: of the summands so far.
    """

    noises: Counter[Noise] = field(default_factory=Counter)
    _parts: dict[str, _OfCatalogue] = field(default_factory=dict)
    _others: list[tuple[Keys, Counts, int]] = field(default_factory=list)

    def add(self, release: Release, size: int) -> None:
        """Add a release over a domain of some size."""
        body = release.body
        part = self._parts.get(body.catalogue_version)
        if part is None:
            part = _OfCatalogue(np.zeros(size, np.int64), np.zeros(size, np.int64))
            self._parts[body.catalogue_version] = part
        if body.places is None:
            part.values += body.values
        else:
            part.values[body.places] += body.values
            part.missing += body.thinned_below
            part.missing[body.places] -= body.thinned_below
        self._others.append((body.other_keys, body.other_values, body.other_threshold))
        if release.noise is not None:
            self.noises[release.noise] += 1

    def figures(self, domains: dict[str, Keys]) -> Figures[np.uint64]:
        """Return the sum by key.

        Args:
            domains: the keys of each catalogue's domain, in its order.
        """
        keys = [domains[version] for version in self._parts]
        keys += [others for others, _, _ in self._others]
        if not keys:
            return Figures(np.zeros(0, np.uint64), np.zeros(0, np.int64))
        names = np.unique(np.concatenate(keys))
        counts, missing = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
        inside = np.zeros(len(names), np.bool_)
        for version, part in self._parts.items():
            places = np.searchsorted(names, domains[version])
            counts[places] += part.values
            missing[places] += part.missing
            inside[places] = True
        for others, values, threshold in self._others:
            places = np.searchsorted(names, others)
            counts[places] += values
            absent = ~inside
            absent[places] = False
            missing[absent] += threshold
        return Figures(names, counts, dict(self.noises), missing if missing.any() else None)


def value_at(body: Body, places: npt.NDArray[np.intp]) -> tuple[int, int, int]:
    """Return the sum of a body's values at places, how many there are, and what may be missing."""
    if body.places is None:
        return int(body.values[places].sum(dtype=np.int64)), len(places), 0
    found = np.isin(body.places, places)
    absent = len(places) - int(found.sum())
    return int(body.values[found].sum(dtype=np.int64)), len(places), absent * body.thinned_below
