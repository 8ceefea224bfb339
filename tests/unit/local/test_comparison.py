from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sottovoce.catalogue import int_to_spotify_id, read_catalogue
from sottovoce.client import Basis, Estimate, TimeRange, Top, TopEntry
from sottovoce.local.checks import check_exact, check_ranking
from sottovoce.local.truth import Truth, similarities, spotify_id

START = datetime(2026, 1, 1, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
BASIS = Basis("live", TimeRange(START, START + timedelta(minutes=1)), "open", (), 0.95, "")


def exactly(count):
    return Estimate(count, count, count)


def ranking(*counts):
    entries = [
        TopEntry(rank, None, name, exactly(count)) for rank, (name, count) in enumerate(counts, 1)
    ]
    return Top(BASIS, tuple(entries))


def test_equal_counts_may_stand_in_any_order():
    truth = Counter(a=5, b=3, c=3, d=1)
    assert check_ranking("top", ranking(("a", 5), ("c", 3)), truth).fine
    assert check_ranking("top", ranking(("a", 5), ("b", 3)), truth).fine


@pytest.mark.parametrize(
    "wrong",
    [
        (("a", 5), ("d", 1)),  # not the best
        (("b", 5), ("a", 3)),  # names mixed up
        (("a", 4), ("b", 3)),  # a count off by one
        (),
    ],
)
def test_a_wrong_ranking_is_found(wrong):
    assert not check_ranking("top", ranking(*wrong), Counter(a=5, b=3, c=3, d=1)).fine


def test_an_exact_figure_must_be_the_truth_and_lie_within_its_interval():
    assert check_exact("plays", exactly(5), 5).fine
    assert not check_exact("plays", exactly(5), 6).fine
    assert not check_exact("plays", Estimate(5, 6, 7), 5).fine


@pytest.fixture
def truth(tmp_path):
    def listens(data_set, *rows):
        names = ("end_time_ms", "listener", "track_id", "ordinal", "first_of_track", "artist")
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        return pa.table({"data_set": [data_set] * len(rows), **columns})

    first, second = f"{1:032x}", f"{1 << 64:032x}"
    files = [
        listens(
            "live", (START_MS, "x", first, 0, True, "a"), (START_MS + 1, "x", first, 1, False, "a")
        ),
        listens("live", (START_MS + 60_000, "y", second, 0, True, "b")),
        listens("history", (START_MS, "z", first, 0, True, "c")),
    ]
    for number, table in enumerate(files):
        pq.write_table(
            table.replace_schema_metadata({"n": str(number)}), tmp_path / f"{number}.parquet"
        )
    return Truth.read(tmp_path, "live")


def test_truth_is_read_from_all_files_of_a_data_set(truth):
    assert len(truth) == 3
    assert truth.distinct("listener") == 2
    assert len(truth.within(BASIS.range)) == 2
    assert len(truth.arrivals()) == 2
    assert truth.last_end_ms == START_MS + 60_000
    assert truth.counts("artist") == {"a": 2, "b": 1}
    one, other = int_to_spotify_id(0, 1), int_to_spotify_id(1, 0)
    assert truth.track_counts() == {one: 2, other: 1}
    assert truth.track_counts("first_of_track") == {one: 1, other: 1}


def test_ids_turn_from_hexadecimal_to_base_62():
    assert spotify_id(f"{62:032x}") == "0" * 20 + "10"


def test_brute_force_similarity_leaves_out_the_track_itself(made_up_data):
    catalogue, _ = read_catalogue(made_up_data / "kaggle_tracks.csv")
    known = np.flatnonzero(~np.isnan(catalogue.features).any(axis=1))
    cosines = similarities(catalogue, int(known[0]))
    assert cosines[known[0]] == -np.inf
    assert np.all(np.abs(cosines[known[1:]]) <= 1 + 1e-9)
