"""Ranges are checked before anything is counted, and the refusal says what to ask instead."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2
from tests.unit.query.conftest import hold, live_range, serve
from tests.unit.query.crowd import LIVE, START, Crowd

from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import QuestionError
from sottovoce_query.questions import QUESTIONS
from sottovoce_query.rpc.get_series import get_series
from sottovoce_query.rpc.get_window import get_window

INVALID = grpc.StatusCode.INVALID_ARGUMENT
ANSWER = {question.name: question for question in QUESTIONS}


def refusal(name, request, sources) -> QuestionError:
    with pytest.raises(QuestionError) as refused:
        ANSWER[name].answer(request, sources)
    return refused.value


def details(error, kind):
    message = kind()
    return [message for box in error.to_status().details if box.Unpack(message)]


def plays_request(first, stop):
    return query_pb2.GetDistributionRequest(
        data_set="live",
        range=live_range(first, stop),
        dimension=query_pb2.DIMENSION_GENRE,
    )


GENRES = {"dimension": query_pb2.DIMENSION_GENRE}
BAD = [
    ("GetDistribution", GENRES, INVALID, "range: give both start and end"),
    (
        "GetDistribution",
        GENRES | {"range": live_range(4_000, 4_000)},
        INVALID,
        "must lie after its start",
    ),
    (
        "GetDistribution",
        GENRES | {"range": live_range(1_000, 4_000)},
        INVALID,
        "nearest range around yours",
    ),
    (
        "GetDistribution",
        {"data_set": "dead"},
        grpc.StatusCode.NOT_FOUND,
        "there are: history, live",
    ),
    ("GetDistribution", {"dimension": 0, "range": live_range()}, INVALID, "GENRE or COUNTRY"),
    ("CountDistinct", {"range": live_range()}, INVALID, "LISTENERS, TRACKS or ARTISTS"),
    ("CountDistinct", {"distinct": 1, "range": live_range(2_000)}, INVALID, "whole slices of 30 s"),
    ("SampleListens", {"range": live_range(2_000)}, INVALID, "whole slices of 30 s"),
    ("SampleListens", {"range": live_range(), "size": -1}, INVALID, "size: give 1 to 1,000"),
    ("ListTop", {"range": live_range()}, INVALID, "TRACKS or ARTISTS"),
    ("ListTop", {"entity": 1, "size": 1_001}, INVALID, "size: give 1 to 1,000"),
    ("ListTop", {"entity": 1, "measure": 2, "range": live_range(2_000)}, INVALID, "whole slices"),
    ("CheckPlayed", {"range": live_range()}, INVALID, "give 1 to 1,000 tracks"),
    (
        "CheckPlayed",
        {"range": live_range(), "tracks": [query_pb2.TrackRef(spotify_id="x")]},
        INVALID,
        "tracks[0]: 'x' is no Spotify id",
    ),
    (
        "CheckPlayed",
        {"range": live_range(), "tracks": [query_pb2.TrackRef(artist="x")]},
        INVALID,
        "spotify_id, or artist and title",
    ),
    ("GetSeries", {"range": live_range()}, INVALID, "series: name one"),
    (
        "GetSeries",
        {"range": live_range(), "series": query_pb2.SeriesRef(genre="noise")},
        grpc.StatusCode.NOT_FOUND,
        "no genre 'noise'; there are: ambient, bebop, chanson, dub, unknown",
    ),
    (
        "GetSeries",
        {"range": live_range(), "series": query_pb2.SeriesRef(country="DEU")},
        INVALID,
        "series.country: country 'DEU' is not two letters",
    ),
    ("GetWindow", {}, INVALID, "window: give a duration above 0"),
    ("SearchTracks", {"text": "  "}, INVALID, "text: give 1 to 200 characters"),
    ("FindSimilarTracks", {}, INVALID, "spotify_id, or artist and title"),
    (
        "FindSimilarTracks",
        {"track": query_pb2.TrackRef(artist="Nobody", title="Nothing")},
        grpc.StatusCode.NOT_FOUND,
        "no such track among the 40",
    ),
]


@pytest.mark.parametrize(("name", "fields", "code", "text"), BAD)
def test_a_question_that_makes_no_sense_is_refused_with_a_sentence(
    sources, name, fields, code, text
):
    question = ANSWER[name]
    known = {"data_set": "live"} if "data_set" in question.request.DESCRIPTOR.fields_by_name else {}
    error = refusal(name, question.request(**known | fields), sources)
    assert error.code is code
    assert text in str(error)
    info = details(error, error_details_pb2.ErrorInfo)[0]
    assert info.reason == error.reason
    assert info.domain == "sottovoce"
    if code is INVALID:
        assert details(error, error_details_pb2.BadRequest)[0].field_violations[0].field


def test_a_range_beyond_what_is_complete_says_when_to_ask_again(sources):
    error = refusal("GetDistribution", plays_request(0, 120_000), sources)
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.reason == "RANGE_NOT_COMPLETE"
    assert error.metadata["complete_through"].endswith("Z")
    assert details(error, error_details_pb2.RetryInfo)[0].retry_delay.ToMilliseconds() >= 1_000


def test_an_unsealed_range_of_history_waits_for_an_operator(sources, past):
    request = query_pb2.GetDistributionRequest(
        data_set="history", dimension=query_pb2.DIMENSION_GENRE
    )
    request.range.start.FromMilliseconds(past.start_ms)
    request.range.end.FromMilliseconds(past.end_ms + 3_600_000)
    error = refusal("GetDistribution", request, sources)
    assert "sottovoce seal" in str(error)
    assert not details(error, error_details_pb2.RetryInfo)


def test_a_range_before_what_is_kept_is_refused():
    crowd = Crowd(LIVE.__class__(**_constants() | {"cell_retention_ms": 360_000}))
    sources = serve({"live": crowd})
    error = refusal("GetDistribution", plays_request(0, 30_000), sources)
    assert error.code is grpc.StatusCode.OUT_OF_RANGE
    assert error.metadata["first_slice"] in str(error)
    kept = query_pb2.GetWindowRequest(data_set="live", series=query_pb2.SeriesRef(genre="dub"))
    kept.window.seconds = 20
    assert get_window(kept, sources).sum.value >= 0
    kept.window.seconds = 3_600
    whole = get_window(kept, sources).basis.range
    assert whole.start.ToMilliseconds() == START + 30_000  # the first slice that is kept


def _constants():
    names = (field for field in LIVE.__dataclass_fields__)
    return {name: getattr(LIVE, name) for name in names}


def test_too_many_points_are_refused(monkeypatch, sources):
    request = query_pb2.GetSeriesRequest(
        data_set="live",
        range=live_range(-2_000 * 150, 90_000),
        series=query_pb2.SeriesRef(all=query_pb2.AllPlays()),
    )
    monkeypatch.setattr("sottovoce_query.rpc.get_series.MAX_POINTS", 194)
    with pytest.raises(QuestionError, match="195 points are too many"):
        get_series(request, sources)


def test_windows_are_of_whole_panes_and_at_most_30_days(sources):
    request = query_pb2.GetWindowRequest(
        data_set="live", series=query_pb2.SeriesRef(all=query_pb2.AllPlays())
    )
    for length, text in ((1, "whole panes of 2 s; the nearest is 2 s"), (86_400 * 31, "30 days")):
        request.window.seconds = length
        with pytest.raises(QuestionError, match=text):
            get_window(request, sources)


def test_nothing_complete_yet_is_not_complete():
    crowd = Crowd()
    cells = hold(crowd, through_ms=0)
    sources = serve({"live": crowd}, {"live": cells})
    request = query_pb2.GetWindowRequest(
        data_set="live", series=query_pb2.SeriesRef(all=query_pb2.AllPlays())
    )
    request.window.seconds = 2
    for error in (
        refusal("GetWindow", request, sources),
        refusal("GetDistribution", plays_request(0, START), sources),
    ):
        assert error.reason == "RANGE_NOT_COMPLETE"
        assert "complete nowhere yet" in str(error)
