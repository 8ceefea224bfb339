"""What was released: values over a public domain, keys beyond it, or real rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import zstandard
from google.protobuf.message import DecodeError

from sottovoce.ledger.errors import LedgerError
from sottovoce.sketches.integers import decode_integers, encode_integers
from sottovoce.wire.v1 import release_pb2

type Values = npt.NDArray[np.int64]
type Keys = npt.NDArray[np.uint64]

_LEVEL: Final = 3
_NO_VALUES: Final = np.zeros(0, np.int64)
_NO_KEYS: Final = np.zeros(0, np.uint64)


@dataclass(frozen=True, slots=True)
class RealRow:
    """A listen whose group has at least k distinct listeners, masked.

    Attributes:
        features: the middle of each feature's fifth of [0, 1]; NaN where unknown.
    """

    track_key: int
    genre: str
    country: str
    hour_ms: int
    features: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """What was released.

    Attributes:
        domain: what the values are of, in an order that everybody knows.
        catalogue_version: the catalogue whose genres, tracks or artists the domain has.
        values: of every place of the domain; of `places` where it was thinned.
        places: places of the domain, ascending; None where `values` has them all.
        thinned_below: every place that is missing has a value below it.
        other_keys: keys outside the domain whose value reached `other_threshold`, ascending.
        other_values: their values.
        other_threshold: of the keys outside the domain; 0 where they were not asked about.
        rows: real rows.
    """

    domain: str
    catalogue_version: str = ""
    values: Values = field(default_factory=lambda: _NO_VALUES)
    places: npt.NDArray[np.uint32] | None = None
    thinned_below: int = 0
    other_keys: Keys = field(default_factory=lambda: _NO_KEYS)
    other_values: Values = field(default_factory=lambda: _NO_VALUES)
    other_threshold: int = 0
    rows: tuple[RealRow, ...] = ()

    def thinned(self, threshold: int) -> Body:
        """Return it with only the places whose value reaches a threshold: post-processing."""
        if self.places is not None:
            return self
        places = np.flatnonzero(self.values >= threshold)
        return replace(
            self,
            values=self.values[places],
            places=places.astype(np.uint32),
            thinned_below=threshold,
        )

    def to_bytes(self) -> bytes:
        """Return it as it stands in the topic, over all its parts."""
        message = release_pb2.ReleaseBody(
            domain=self.domain,
            catalogue_version=self.catalogue_version,
            values=_encode_signed(self.values),
            other_keys=_encode_ascending(self.other_keys),
            other_values=_encode_signed(self.other_values),
            other_threshold=self.other_threshold,
            rows=[
                release_pb2.RealRow(
                    track_key=row.track_key,
                    genre=row.genre,
                    country=row.country,
                    hour_ms=row.hour_ms,
                    features=row.features,
                )
                for row in self.rows
            ],
        )
        if self.places is not None:
            message.thinned_below = self.thinned_below
            message.places = _encode_ascending(self.places.astype(np.uint64))
        return zstandard.compress(message.SerializeToString(), _LEVEL)

    @classmethod
    def from_bytes(cls, data: bytes) -> Body:
        """Read it from all its parts together.

        Raises:
            LedgerError: the bytes are no body.
        """
        try:
            message = release_pb2.ReleaseBody.FromString(zstandard.decompress(data))
            thinned = message.HasField("thinned_below")
            return cls(
                domain=message.domain,
                catalogue_version=message.catalogue_version,
                values=_decode_signed(message.values),
                places=_decode_ascending(message.places).astype(np.uint32) if thinned else None,
                thinned_below=message.thinned_below,
                other_keys=_decode_ascending(message.other_keys),
                other_values=_decode_signed(message.other_values),
                other_threshold=message.other_threshold,
                rows=tuple(
                    RealRow(row.track_key, row.genre, row.country, row.hour_ms, tuple(row.features))
                    for row in message.rows
                ),
            )
        except (DecodeError, zstandard.ZstdError, ValueError, IndexError) as error:
            raise LedgerError(f"{len(data)} bytes that are no body of a release") from error


def _encode_signed(values: Values) -> bytes:
    wide = values.astype(np.int64)  # they may be kept narrower
    return encode_integers(((wide << 1) ^ (wide >> 63)).view(np.uint64))


def _decode_signed(data: bytes) -> Values:
    coded, _ = decode_integers(data, 0)
    return np.asarray(
        (coded >> np.uint64(1)).view(np.int64) ^ -(coded & np.uint64(1)).view(np.int64)
    )


def _encode_ascending(keys: Keys) -> bytes:
    return encode_integers(np.diff(keys, prepend=np.uint64(0)))


def _decode_ascending(data: bytes) -> Keys:
    gaps, _ = decode_integers(data, 0)
    return np.cumsum(gaps, dtype=np.uint64)
