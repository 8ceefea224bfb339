"""What benchmarks say of their figures."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from benchmarks.__main__ import SUITE
from benchmarks.made_up_log import MadeUpListens
from benchmarks.results import Result, Table, Target, show, write_page
from benchmarks.suite.consumer import steady_rate
from benchmarks.suite.freshness import _bracket, _by_window, _fit, _growth

from sottovoce.wire import listens as wire

MACHINE = {"cores": "2"}


@pytest.mark.parametrize(
    ("value", "sense", "met"),
    [(1.0, "at least", True), (0.99, "at least", False), (1.0, "at most", True),
     (1.01, "at most", False)],
)  # fmt: skip
def test_a_target_is_met_on_the_bound_and_on_the_right_side_of_it(value, sense, met):
    assert Target("x", value, 1.0, sense).met is met


def test_the_page_names_what_fell_short(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.results.RESULTS", tmp_path)
    result = Result("made-up", "How fast?", targets=[Target("speed", 3.0, 5.0, "at least", "m/s")])
    result.tables.append(Table("Runs", ["way", "m/s"], [["on foot", 3.0]]))
    result.save(size="full", seconds=1.0, machine=MACHINE, load=0.1)
    page = write_page(tmp_path).read_text()
    assert "| speed | 3 m/s | at least 5 m/s | **no** |" in page
    assert "| on foot | 3 |" in page


def test_a_tried_size_leaves_the_results_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.results.RESULTS", tmp_path / "results")
    monkeypatch.setenv("SOTTOVOCE_LOCAL_FOLDER", str(tmp_path / "local"))
    path = Result("made-up", "?").save(size="tiny", seconds=1, machine=MACHINE, load=0)
    assert path.is_relative_to(tmp_path / "local")
    assert not (tmp_path / "results").exists()


def test_figures_read_as_people_write_them():
    assert [show(each) for each in ("a", 1_234_567, 12_345.6, 0.01234)] == [
        "a", "1,234,567", "12,346", "0.0123"
    ]  # fmt: skip


def test_a_steady_rate_leaves_out_the_first_batch():
    assert steady_rate([(100.0, 500), (101.0, 1_500), (102.0, 2_500)]) == pytest.approx(1_000)


def test_the_search_for_the_highest_rate_halves_what_is_left():
    found = [
        {"rate": 1_000, "held": True}, {"rate": 10_000, "held": True},
        {"rate": 30_000, "held": False},
    ]  # fmt: skip
    assert _bracket(found) == (10_000, 30_000)


def test_costs_are_fitted_by_a_line():
    found = [
        {"sent": rate, "cores": {"a": 0.25, "b": rate * 2e-5}} for rate in (1_000, 5_000, 9_000)
    ]
    fit = _fit(found)
    assert fit["fixed_cores"] == pytest.approx(0.25)
    assert fit["cores_per_1000"] == pytest.approx(0.02)


def test_growth_shows_in_the_windows():
    ends = np.linspace(0, 100, 1_000, endpoint=False)
    windows = _by_window(ends, ends / 100, 0.0, 100.0)
    assert len(windows) == 10
    assert _growth(windows, "p50") == pytest.approx(0.9, abs=0.01)


def test_a_wobble_is_not_growth():
    windows = [{"at": float(at), "p99": 1.0 + 0.5 * (at in (0, 9))} for at in range(10)]
    assert _growth(windows, "p99") == pytest.approx(0.0, abs=0.01)


def test_made_up_listens_stand_in_the_shard_of_their_listener():
    listens, shards = MadeUpListens(4).draw(200, 1_700_000_000_000)
    assert wire.well_formed(listens).all()
    packed = wire.pack_keys(listens["listener_high"], listens["listener_low"])
    assert [wire.shard_of(each.tobytes(), 4) for each in packed] == shards.tolist()


def test_every_benchmark_that_is_listed_is_there():
    for name in SUITE:
        assert importlib.util.find_spec(f"benchmarks.suite.{name}") is not None, name
