from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sottovoce.catalogue import int_to_spotify_id, read_catalogue
from sottovoce.client import Basis, Distribution, Estimate, Share, TimeRange, Top, TopEntry
from sottovoce.local.checks import (
    check_distribution,
    check_figure,
    check_figures,
    check_ranking,
)
from sottovoce.local.truth import Truth, similarities, spotify_id

START = datetime(2026, 1, 1, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
BASIS = Basis("live", TimeRange(START, START + timedelta(minutes=1)), "enforced", (), 0.95, "")


def within(value, width):
    return Estimate(value, value - width, value + width)


def ranking(*counts, width=2):
    entries = [
        TopEntry(rank, None, name, within(count, width))
        for rank, (name, count) in enumerate(counts, 1)
    ]
    return Top(BASIS, tuple(entries))


def test_a_figure_may_lie_outside_its_interval_but_not_far():
    assert check_figure("plays", within(100, 10), 100).fine
    assert check_figure("plays", within(100, 10), 115).fine  # once in twenty times
    assert not check_figure("plays", within(100, 10), 161).fine


def test_an_exact_figure_must_be_the_truth():
    assert check_figure("plays", within(5, 0), 5).fine
    assert not check_figure("plays", within(5, 0), 6).fine


def test_of_many_figures_as_many_lie_within_their_intervals_as_they_promise():
    right = [(within(100, 10), 100.0)] * 95
    off = [(within(100, 10), 115.0)]
    assert check_figures("series", right + 5 * off).fine
    assert not check_figures("series", right + 30 * off).fine
    assert not check_figures("series", [*right, (within(100, 10), 1_000.0)]).fine
    assert not check_figures("series", []).fine


def test_each_count_of_a_ranking_is_held_against_its_own():
    truth = Counter(a=50, b=30, c=30, d=10)
    assert check_ranking("top", ranking(("a", 51), ("c", 29)), truth).fine
    assert check_ranking("top", ranking(("a", 53), ("b", 33)), truth).fine


@pytest.mark.parametrize(
    "wrong",
    [
        (("b", 50), ("a", 30)),  # names mixed up
        (("a", 50), ("b", 60)),  # one count far off
        (("a", 50), ("nobody", 30)),
        (),
    ],
)
def test_a_wrong_ranking_is_found(wrong):
    assert not check_ranking("top", ranking(*wrong), Counter(a=50, b=30, c=30, d=10)).fine


def test_a_distribution_is_held_against_plays_shares_and_total():
    truth = Counter(a=75, b=25)

    def told(total, *plays):
        shares = [
            Share(name, within(count, 4), within(count / 100, 0.05))
            for name, count in zip("ab", plays, strict=True)
        ]
        return Distribution(BASIS, tuple(shares), within(total, 6))

    assert check_distribution("genres", told(101, 74, 26), truth).fine
    assert not check_distribution("genres", told(150, 74, 26), truth).fine
    assert not check_distribution("genres", told(101, 26, 74), truth).fine


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
