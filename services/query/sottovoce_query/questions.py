"""Every question: its request, what answers it, and how long an answer holds."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from google.protobuf.message import Message

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.rpc.check_played import check_played
from sottovoce_query.rpc.count_distinct import count_distinct
from sottovoce_query.rpc.find_similar_tracks import find_similar_tracks
from sottovoce_query.rpc.get_budget import get_budget
from sottovoce_query.rpc.get_correlation import get_correlation
from sottovoce_query.rpc.get_distribution import get_distribution
from sottovoce_query.rpc.get_played_filter import get_played_filter
from sottovoce_query.rpc.get_series import get_series
from sottovoce_query.rpc.get_status import get_status
from sottovoce_query.rpc.get_window import get_window
from sottovoce_query.rpc.list_top import list_top
from sottovoce_query.rpc.sample_listens import sample_listens
from sottovoce_query.rpc.search_tracks import search_tracks
from sottovoce_query.sources import Sources


class Holds(Enum):
    """How long an answer holds."""

    WHILE_COMPLETE = auto()  # its range is complete: until one of its figures changes
    UNTIL_NEXT_PANE = auto()  # it ends with the last complete pane
    FOR_A_CATALOGUE = auto()  # it rests on the newest catalogue alone
    NEVER = auto()


@dataclass(frozen=True, slots=True)
class Question:
    """One unary method of `QueryService`.

    Attributes:
        answer: works it out; `totals` only where `tells_totals`.
        tells_totals: whether operators are told true totals that nobody else is.
    """

    name: str
    request: type[Message]
    answer: Callable[..., Message]
    holds: Holds
    tells_totals: bool = False

    def stamp(self, data_set: str, sources: Sources) -> Hashable:
        """Return what an answer's stamp must be for it to hold; None: never kept."""
        book = sources.book
        if self.holds is Holds.NEVER:
            return None
        if self.holds is Holds.FOR_A_CATALOGUE:
            return book.latest
        source = sources.by_name.get(data_set)
        if source is None:
            return None
        gate = source.gate
        if self.holds is Holds.WHILE_COMPLETE:
            return gate.revision, book.names.version
        return gate.revision, book.names.version, gate.complete_through_ms


QUESTIONS: Final = (
    Question("CountDistinct", query_pb2.CountDistinctRequest, count_distinct, Holds.WHILE_COMPLETE),
    Question("CheckPlayed", query_pb2.CheckPlayedRequest, check_played, Holds.WHILE_COMPLETE),
    Question(
        "GetPlayedFilter",
        query_pb2.GetPlayedFilterRequest,
        get_played_filter,
        Holds.WHILE_COMPLETE,
    ),
    Question("SampleListens", query_pb2.SampleListensRequest, sample_listens, Holds.WHILE_COMPLETE),
    Question("GetWindow", query_pb2.GetWindowRequest, get_window, Holds.UNTIL_NEXT_PANE),
    Question("GetSeries", query_pb2.GetSeriesRequest, get_series, Holds.WHILE_COMPLETE),
    Question("ListTop", query_pb2.ListTopRequest, list_top, Holds.WHILE_COMPLETE),
    Question(
        "GetDistribution", query_pb2.GetDistributionRequest, get_distribution, Holds.WHILE_COMPLETE
    ),
    Question(
        "GetCorrelation", query_pb2.GetCorrelationRequest, get_correlation, Holds.WHILE_COMPLETE
    ),
    Question(
        "FindSimilarTracks",
        query_pb2.FindSimilarTracksRequest,
        find_similar_tracks,
        Holds.FOR_A_CATALOGUE,
    ),
    Question("SearchTracks", query_pb2.SearchTracksRequest, search_tracks, Holds.FOR_A_CATALOGUE),
    Question("GetBudget", query_pb2.GetBudgetRequest, get_budget, Holds.NEVER),
    Question("GetStatus", query_pb2.GetStatusRequest, get_status, Holds.NEVER, tells_totals=True),
)
