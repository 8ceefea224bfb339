"""Plays by genre or by country."""

from __future__ import annotations

from typing import Final

import numpy as np

from sottovoce.privacy import half_width
from sottovoce.sketches import Estimate
from sottovoce.wire.listens import country_name
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import bad_question
from sottovoce_query.figures import CONFIDENCE, SURELY, Figures, to_message
from sottovoce_query.ranges import Range
from sottovoce_query.sources import Source, Sources

_SURER: Final = 1.0 - (1.0 - CONFIDENCE) / 2.0
"""Of two figures that are right together with `CONFIDENCE`."""


def get_distribution(
    request: query_pb2.GetDistributionRequest, sources: Sources
) -> query_pb2.GetDistributionResponse:
    """Answer GetDistribution, the largest first."""
    source = sources.of(request.data_set)
    if request.dimension not in (query_pb2.DIMENSION_GENRE, query_pb2.DIMENSION_COUNTRY):
        raise bad_question("dimension", "say what to divide by: GENRE or COUNTRY")
    asked = source.range(request.range, "pane")
    shares = (
        genre_shares(source, asked)
        if request.dimension == query_pb2.DIMENSION_GENRE
        else _country_shares(source, asked)
    )
    return query_pb2.GetDistributionResponse(
        basis=source.basis(asked), shares=shares, total=to_message(source.gate.plays(asked))
    )


def genre_shares(source: Source, asked: Range) -> list[query_pb2.Share]:
    """Return the plays of each genre, the largest first."""
    figures = source.gate.genres(asked)
    return _shares([str(name) for name in figures.names], figures, source.gate.plays(asked, _SURER))


def _country_shares(source: Source, asked: Range) -> list[query_pb2.Share]:
    """Return the plays of each country; of all those that nobody is in, noise would make some."""
    figures = source.gate.countries(asked)
    figures = figures.above(half_width(figures.noises, SURELY))
    names = [country_name(code) for code in figures.names.tolist()]
    return _shares(names, figures, source.gate.plays(asked, _SURER))


def _shares[Name: np.generic](
    names: list[str], figures: Figures[Name], total: Estimate
) -> list[query_pb2.Share]:
    """Return counts above 0 with their shares of the total, the largest first, then by name."""
    found = []
    for name, count, surer in zip(
        names, figures.estimates(), figures.estimates(_SURER), strict=True
    ):
        if count.value <= 0:
            continue
        # The share lies within these where the count and the total lie within theirs.
        value = min(1.0, count.value / max(total.value, 1.0))
        lower = surer.lower / max(total.upper, surer.lower, 1.0)
        upper = min(1.0, surer.upper / max(total.lower, 1.0))
        share = Estimate(value, min(lower, value), max(upper, value))
        found.append(query_pb2.Share(name=name, plays=to_message(count), share=to_message(share)))
    found.sort(key=lambda each: (-each.plays.value, each.name))
    return found
