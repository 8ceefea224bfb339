"""Real rows of a slice, where an operator allows them: k-anonymous, masked, frozen.

They are outside the budget and no differential privacy: docs/privacy.md says what they give away.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import FEATURES, UNKNOWN, Catalogue
from sottovoce.cells import SAMPLED_DTYPE
from sottovoce.ledger import RealRow
from sottovoce.privacy import k_anonymous_rows, mask_features, mask_times
from sottovoce.wire.listens import COUNTRY_KNOWN, country_name
from sottovoce_query.merged_slice import MergedSlice, canonical_keys
from sottovoce_query.tracks import UNKNOWN_GENRE


def real_rows(merged: MergedSlice | None, catalogue: Catalogue, k: int) -> tuple[RealRow, ...]:
    """Return the rows of a slice's sample that k distinct listeners share, in no telling order.

    Args:
        merged: the slice; None where nobody listened.
        catalogue: the one that it is pinned to.
        k: how many listeners must share track, genre, country and hour.
    """
    if merged is None or not len(merged.sample):
        return ()
    rows = np.frombuffer(b"".join(merged.sample.payloads), SAMPLED_DTYPE)
    keys = canonical_keys(np.ascontiguousarray(rows["track_low"]), catalogue)
    places = catalogue.rows(keys)
    genres = np.where(places == UNKNOWN, UNKNOWN, catalogue.primary_genre[places])
    countries = np.where(rows["flags"] & COUNTRY_KNOWN, rows["country"], 0)
    hours = mask_times(rows["end_time_ms"].astype(np.int64))
    shown = k_anonymous_rows(
        (keys, genres, countries, hours), (rows["listener_high"], rows["listener_low"]), k
    )
    masked = mask_features(_scaled(catalogue))
    found = [
        RealRow(
            track_key=int(keys[at]),
            genre=UNKNOWN_GENRE if genres[at] == UNKNOWN else catalogue.genres[genres[at]],
            country=country_name(int(countries[at])) if countries[at] else "",
            hour_ms=int(hours[at]),
            features=_features(masked, int(places[at])),
        )
        for at in np.flatnonzero(shown).tolist()
    ]
    # Event ids gave the sample its order; nothing of them may show.
    return tuple(sorted(found, key=lambda row: (row.track_key, row.country, row.hour_ms)))


def _scaled(catalogue: Catalogue) -> npt.NDArray[np.float64]:
    """The catalogue's features as parts of their ranges, which are public."""
    features = catalogue.features.astype(np.float64)
    if not len(features):
        return features
    least, most = np.nanmin(features, axis=0), np.nanmax(features, axis=0)
    return np.asarray((features - least) / np.where(most > least, most - least, 1.0))


def _features(masked: npt.NDArray[np.float64], place: int) -> tuple[float, ...]:
    return (np.nan,) * len(FEATURES) if place == UNKNOWN else tuple(masked[place].tolist())
