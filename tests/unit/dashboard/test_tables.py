import math

import pyarrow as pa
import pytest
from tests.unit.dashboard.made_up import MINUTE, NOON, SECOND, basis, points, track

from sottovoce.client import (
    Correlation,
    Distribution,
    Estimate,
    SampledListen,
    Series,
    Share,
    Similar,
)
from sottovoce_dashboard import tables


def exact(value):
    return Estimate(value, value, value)


def distribution(*counts):
    total = sum(counts)
    shares = (Share(f"g{k}", exact(n), exact(n / total)) for k, n in enumerate(counts))
    return Distribution(basis(), tuple(shares), exact(total))


def correlation(*values):
    size = int(len(values) ** 0.5)
    cells = [Estimate(each, each - 0.1, each + 0.1) for each in values]
    matrix = tuple(tuple(cells[row * size : (row + 1) * size]) for row in range(size))
    features = ("energy", "duration_ms", "tempo")[:size]
    return Correlation(basis(), features, matrix, exact(9))


def test_few_points_stay_as_they_are():
    assert tables.thin(points(1, 2, 3)) == points(1, 2, 3)
    assert tables.thin([]) == []


def test_many_points_add_up_with_their_bounds_and_stay_comparable():
    thinned = tables.thin(points(*range(11)), most=4)
    assert len({each.range.length for each in thinned}) == 1
    assert [each.value.value for each in thinned] == [2 + 3 + 4, 5 + 6 + 7, 8 + 9 + 10]
    assert thinned[-1].value == Estimate(27, 24, 33)
    assert thinned[-1].range.end == points(*range(11))[-1].range.end


def test_a_series_is_drawn_in_the_middle_of_its_ranges():
    row = tables.over_time(points(5, length=MINUTE)).to_pylist()[0]
    assert row["at"] == (NOON + MINUTE / 2).timestamp() * 1000
    assert (row["lower"], row["value"], row["upper"]) == (4, 5, 7)
    assert row["interval"] == "4 to 7"
    assert row["when"] == "23 Nov 2026, 12:00 to 12:01 UTC"


def test_no_column_is_of_64_bit_integers_nor_missing_without_rows():
    for table in (tables.over_time([]), tables.by_length([]), tables.shares(distribution(3), 5)):
        assert table.num_columns > 4
        assert not [each for each in table.schema if pa.types.is_integer(each.type)]


def test_small_shares_are_put_together_and_all_shares_stay_the_whole():
    table = tables.shares(distribution(50, 30, 10, 6, 4), 3)
    assert table["name"].to_pylist() == ["g0", "g1", "all others (3)"]
    assert sum(table["percent"].to_pylist()) == pytest.approx(100)
    assert table["figure"].to_pylist() == ["50", "30", "20"]


def test_a_correlation_that_is_none_is_no_number():
    rows = tables.correlations(correlation(1.0, math.nan, -0.25, 1.0)).to_pylist()
    assert [each["r"] for each in rows] == [1.0, None, -0.25, 1.0]
    assert rows[1]["label"] == ""
    assert "does not vary" in rows[1]["interval"]
    assert rows[2]["label"] == "\N{MINUS SIGN}0.25"
    assert rows[2]["row"] == "duration"


def test_no_correlation_is_written_as_less_than_nothing():
    rows = tables.correlations(correlation(1.0, -0.001, -0.001, 1.0)).to_pylist()
    assert rows[1]["label"] == "0.00"


def test_the_strongest_pairs_come_first_and_none_with_itself():
    pairs = tables.strongest(correlation(1, 0.2, -0.9, 0.2, 1, math.nan, -0.9, math.nan, 1))
    assert [(a, b) for a, b, _ in pairs] == [("tempo", "energy"), ("duration", "energy")]


def test_windows_are_told_by_their_length():
    row = tables.by_length([(MINUTE, Estimate(100, 99, 101))]).to_pylist()[0]
    assert (row["seconds"], row["when"], row["interval"]) == (60, "last 1 minute", "99 to 101")


def test_similar_tracks_keep_their_order():
    answer = Similar(track("a"), ((track("b"), 0.9), (track("c"), 0.5)), "v")
    assert tables.similar(answer)["name"].to_pylist() == [
        "Somebody, Guest: b",
        "Somebody, Guest: c",
    ]


def test_a_sample_leaves_empty_what_is_unknown():
    listens = [
        SampledListen(track("a"), NOON, 90 * SECOND, "DE", skipped=True),
        SampledListen(track("b"), NOON + MINUTE, None, "", skipped=None),
    ]
    newest, oldest = tables.sample(listens).to_pylist()
    assert (newest["Played (s)"], newest["Country"], newest["Skipped"]) == (None, "", "")
    assert (oldest["Played (s)"], oldest["Country"], oldest["Skipped"]) == (90, "DE", "yes")
    assert oldest["Ended (UTC)"] == NOON


def test_columns_that_nothing_is_known_of_are_left_out():
    made_up = SampledListen(track("a"), NOON, None, "DE", skipped=None)
    assert {"Played (s)", "Skipped"}.isdisjoint(tables.sample([made_up]).column_names)


@pytest.mark.parametrize(
    "series",
    [Series.all(), Series.new_listeners(), Series.genre("x"), Series.country("x"),
     Series.artist("x"), Series.track("x")],
)  # fmt: skip
def test_every_series_has_a_name(series):
    assert tables.series_name(series)
