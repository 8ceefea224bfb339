"""Sums over windows of growing length, the chosen one marked."""

from __future__ import annotations

from sottovoce_dashboard.charts.spec import SCHEMA, Spec, titled


def by_length(value_title: str, chosen_seconds: float, height: int = 260) -> Spec:
    """Return a line over the window's length, both axes logarithmic, and a rule at the chosen one.

    Args:
        value_title: of the value axis, unit included.
        chosen_seconds: the window chosen.
        height: in pixels.
    """
    tooltip = [
        titled("when", "Window"),
        titled("figure", value_title),
        titled("interval", "Within"),
    ]
    x: Spec = {
        "field": "seconds",
        "type": "quantitative",
        "scale": {"type": "log", "nice": False},
        "axis": {
            "title": "Length of the window, back from the last complete pane",
            "grid": False,
            "values": [1, 2, 10, 30, 60, 300, 1800, 3600, 21600, 86400, 604800, 2592000],
            "labelExpr": (
                "datum.value < 60 ? datum.value + ' s' : datum.value < 3600 ? datum.value / 60 + "
                "' min' : datum.value < 86400 ? datum.value / 3600 + ' h' : datum.value / 86400 + "
                "' d'"
            ),
            "labelOverlap": True,
        },
    }
    axis = {"title": value_title, "format": ",.12~g", "tickCount": 5, "tickMinStep": 1}
    return {
        "$schema": SCHEMA,
        "height": height,
        "layer": [
            {
                "mark": {"type": "area", "opacity": 0.22},
                "encoding": {
                    "x": x,
                    "y": {"field": "lower", "type": "quantitative", "axis": axis},
                    "y2": {"field": "upper"},
                },
            },
            {
                "mark": {"type": "line", "strokeWidth": 2, "point": {"filled": True, "size": 45}},
                "encoding": {
                    "x": x,
                    "y": {"field": "value", "type": "quantitative"},
                    "tooltip": tooltip,
                },
            },
            {
                "transform": [{"filter": f"datum.seconds == {chosen_seconds!r}"}],
                "mark": {"type": "rule", "strokeDash": [5, 4], "opacity": 0.8},
                "encoding": {"x": x},
            },
        ],
    }
