"""The played tracks as a Bloom filter, to ask at home."""

from __future__ import annotations

from typing import Final

from sottovoce.sketches import BloomFilter
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import not_complete
from sottovoce_query.sources import Sources

FALSE_POSITIVE_RATE: Final = 0.01


def get_played_filter(
    request: query_pb2.GetPlayedFilterRequest, sources: Sources
) -> query_pb2.GetPlayedFilterResponse:
    """Answer GetPlayedFilter: a filter over the ids of the tracks that were played."""
    source = sources.of(request.data_set)
    asked = source.range(request.range, "ranking")
    keys = source.gate.played(asked).names
    high, known = sources.book.id_highs(keys, source.gate.versions(asked))
    if not known.all():
        raise not_complete(
            f"{int((~known).sum())} played tracks have a key but no id yet: the topic `tracks` "
            "lags behind",
            1.0,
        )
    played = BloomFilter(max(1, len(keys)), FALSE_POSITIVE_RATE)
    played.update_keys(high, keys)
    return query_pb2.GetPlayedFilterResponse(
        basis=source.basis(asked),
        bloom_filter=played.to_bytes(),
        false_positive_rate=FALSE_POSITIVE_RATE,
    )
