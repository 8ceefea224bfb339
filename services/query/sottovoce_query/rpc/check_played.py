"""Whether tracks were played: read from released counts, every track by the same path."""

from __future__ import annotations

from typing import Final

import numpy as np

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import bad_question
from sottovoce_query.sources import Sources

MAX_TRACKS: Final = 1_000


def check_played(
    request: query_pb2.CheckPlayedRequest, sources: Sources
) -> query_pb2.CheckPlayedResponse:
    """Answer CheckPlayed, in the order asked."""
    source = sources.of(request.data_set)
    if not 1 <= len(request.tracks) <= MAX_TRACKS:
        raise bad_question("tracks", f"give 1 to {MAX_TRACKS:,} tracks; not {len(request.tracks)}")
    asked = source.range(request.range, "ranking")
    basis = source.basis(asked)
    versions = source.gate.versions(asked)
    wanted = [
        sources.book.keys_of(ref, f"tracks[{place}]", versions)
        for place, ref in enumerate(request.tracks)
    ]
    played = source.gate.played(asked).names
    return query_pb2.CheckPlayedResponse(
        basis=basis,
        tracks=[
            query_pb2.PlayedTrack(track=ref, played=bool(np.isin(keys, played).any()))
            for ref, keys in zip(request.tracks, wanted, strict=True)
        ],
    )
