"""Specifications hold to Vega-Lite's schema, and draw only fields that their tables have."""

import json
from datetime import timedelta

import altair
import pytest
from tests.unit.dashboard.made_up import MINUTE, points, slice_budget, track
from tests.unit.dashboard.test_tables import correlation, distribution

from sottovoce.client import Estimate, Similar
from sottovoce_dashboard import budget_tables, tables
from sottovoce_dashboard.charts.budget_bars import budget_bars
from sottovoce_dashboard.charts.by_length import by_length
from sottovoce_dashboard.charts.heat_map import heat_map
from sottovoce_dashboard.charts.over_time import bars, line
from sottovoce_dashboard.charts.ranked_bars import ranked_bars

SHARES = {"name": "Genre", "figure": "Plays", "interval": "Within", "label": "Share"}
SIMILAR = {"name": "Track", "genre": "Genre", "label": "Similarity"}
WINDOWS = [(timedelta(minutes=1), Estimate(1, 1, 1))]
CHARTS = {
    "line": (line("Plays per minute"), tables.over_time(points(1, 2))),
    "bars": (bars("New listeners per minute"), tables.over_time(points(1, 2))),
    "shares": (ranked_bars("percent", "%", 3, SHARES), tables.shares(distribution(1, 2, 3), 9)),
    "similar": (
        ranked_bars("cosine", "Similarity", 1, SIMILAR, domainMax=1),
        tables.similar(Similar(track("a"), ((track("b"), 0.5),), "v")),
    ),
    "heat map": (
        heat_map(["energy", "duration"], dark=True),
        tables.correlations(correlation(1, 0, 0, 1)),
    ),
    "budget": (
        budget_bars("Epsilon", budget_tables.PARTS),
        budget_tables.by_slice([slice_budget(0)], MINUTE),
    ),
    "by length": (by_length("Plays", 60.0), tables.by_length(WINDOWS)),
}


def fields(part):
    if isinstance(part, dict):
        own = [part["field"]] if "field" in part else []
        return own + [each for value in part.values() for each in fields(value)]
    return [each for value in part for each in fields(value)] if isinstance(part, list) else []


@pytest.mark.parametrize("name", CHARTS)
def test_a_specification_is_valid_vega_lite(name):
    spec, _ = CHARTS[name]
    altair.Chart.from_dict(spec | {"data": {"name": "rows"}}, validate=True)
    assert json.dumps(spec)


@pytest.mark.parametrize("name", CHARTS)
def test_a_specification_draws_fields_of_its_table(name):
    spec, table = CHARTS[name]
    assert set(fields(spec)) <= set(table.column_names)


@pytest.mark.parametrize("name", CHARTS)
def test_axes_have_titles(name):
    spec, _ = CHARTS[name]
    quantitative = json.dumps(spec).count('"type": "quantitative"')
    assert quantitative
    if name != "heat map":
        assert [each for each in titles(spec) if each]


def titles(part):
    if isinstance(part, dict):
        own = [part["axis"]["title"]] if isinstance(part.get("axis"), dict) else []
        return own + [each for value in part.values() for each in titles(value)]
    return [each for value in part for each in titles(value)] if isinstance(part, list) else []


def test_new_data_leave_a_specification_as_it_is():
    assert line("Plays per minute") == line("Plays per minute")
    assert ranked_bars("percent", "%", 3, SHARES) == ranked_bars("percent", "%", 3, SHARES)
