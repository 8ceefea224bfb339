"""Tracks that sound alike, from the catalogue."""

from __future__ import annotations

from typing import Final

import numpy as np

from sottovoce.catalogue import UNKNOWN
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import not_found
from sottovoce_query.sources import Sources, read_size
from sottovoce_query.tracks import catalogue_track

DEFAULT_SIZE: Final = 10
MAX_SIZE: Final = 100


def find_similar_tracks(
    request: query_pb2.FindSimilarTracksRequest, sources: Sources
) -> query_pb2.FindSimilarTracksResponse:
    """Answer FindSimilarTracks; the catalogue is public, no listen is looked at."""
    size = read_size(request.size, DEFAULT_SIZE, MAX_SIZE)
    keys = sources.book.keys_of(request.track, "track", ())
    version = sources.book.latest
    catalogue = sources.book.catalogue_of(version)
    rows = catalogue.rows(keys)
    rows = rows[rows != UNKNOWN]
    if not len(rows):
        raise not_found(
            "TRACK_NOT_FOUND",
            f"no such track among the {len(catalogue):,} of the catalogue; "
            "SearchTracks finds tracks by words",
        )
    row = int(rows[0])
    if np.isnan(catalogue.features[row]).all():
        raise not_found(
            "FEATURES_UNKNOWN", f"the catalogue knows no audio features of {catalogue.name(row)!r}"
        )
    found = sources.similar.sounds(version).query(int(catalogue.keys[row]), size)
    return query_pb2.FindSimilarTracksResponse(
        track=catalogue_track(catalogue, row),
        similar=[
            query_pb2.SimilarTrack(
                track=catalogue_track(catalogue, catalogue.row(each.id)),
                similarity=each.similarity,
            )
            for each in found
        ],
        catalogue_version=version,
    )
