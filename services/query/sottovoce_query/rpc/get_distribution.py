"""Plays by genre or by country."""

from __future__ import annotations

from sottovoce.wire.listens import country_name
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import bad_question
from sottovoce_query.figures import exact, to_message
from sottovoce_query.ranges import Range, read_range
from sottovoce_query.sources import Source, Sources


def get_distribution(
    request: query_pb2.GetDistributionRequest, sources: Sources
) -> query_pb2.GetDistributionResponse:
    """Answer GetDistribution, the largest first."""
    source = sources.of(request.data_set)
    if request.dimension not in (query_pb2.DIMENSION_GENRE, query_pb2.DIMENSION_COUNTRY):
        raise bad_question("dimension", "say what to divide by: GENRE or COUNTRY")
    asked = read_range(request.range, source.cells, "pane")
    if request.dimension == query_pb2.DIMENSION_GENRE:
        plays = source.gate.genres(asked)
    else:
        figures = source.gate.countries(asked)
        plays = {
            country_name(code): count
            for code, count in zip(figures.names.tolist(), figures.counts.tolist(), strict=True)
            if count
        }
    return query_pb2.GetDistributionResponse(
        basis=source.basis(asked),
        shares=shares_of(plays, source),
        total=to_message(source.gate.estimate(sum(plays.values()))),
    )


def genre_shares(source: Source, asked: Range) -> list[query_pb2.Share]:
    """Return the plays of each genre, the largest first."""
    return shares_of(source.gate.genres(asked), source)


def shares_of(plays: dict[str, int], source: Source) -> list[query_pb2.Share]:
    """Return counts with their shares of the total, the largest first, then by name."""
    total = sum(plays.values())
    return [
        query_pb2.Share(
            name=name,
            plays=to_message(source.gate.estimate(count)),
            share=exact(count / total if total else 0.0),
        )
        for name, count in sorted(plays.items(), key=lambda each: (-each[1], each[0]))
    ]
