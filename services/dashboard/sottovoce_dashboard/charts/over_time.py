"""A series over time: a line in its interval's band, or bars."""

from __future__ import annotations

from typing import Final

from sottovoce_dashboard.charts.spec import SCHEMA, Spec, titled

_TIME_LABEL: Final = (
    "utcseconds(datum.value) ? utcFormat(datum.value, '%H:%M:%S') : "
    "utchours(datum.value) || utcminutes(datum.value) ? utcFormat(datum.value, '%H:%M') : "
    "utcdate(datum.value) > 1 ? utcFormat(datum.value, '%-d %b') : "
    "utcmonth(datum.value) ? utcFormat(datum.value, '%b') : utcFormat(datum.value, '%Y')"
)
TIME_AXIS: Spec = {
    "type": "temporal",
    "scale": {"type": "utc", "nice": False},
    "axis": {
        "title": "Time (UTC)",
        "grid": False,
        "labelOverlap": True,
        "labelFlush": True,
        "labelExpr": _TIME_LABEL,
        "tickCount": 8,
    },
}


def line(value_title: str, height: int = 260, *, zero: bool = True) -> Spec:
    """Return a line with its band.

    Args:
        value_title: of the value axis, unit included.
        height: in pixels.
        zero: whether the value axis begins at 0.
    """
    tooltip = [titled("when", "When"), titled("figure", value_title), titled("interval", "Within")]
    scale = {"zero": zero, "nice": True}
    axis = {
        "title": value_title,
        "format": ",.12~g",
        "tickCount": 5,
        "tickMinStep": 1,
        "titleAnchor": "middle",
    }
    return {
        "$schema": SCHEMA,
        "height": height,
        "encoding": {"x": {"field": "at", **TIME_AXIS}},
        "layer": [
            {
                "mark": {"type": "area", "opacity": 0.22, "line": False},
                "encoding": {
                    "y": {"field": "lower", "type": "quantitative", "scale": scale, "axis": axis},
                    "y2": {"field": "upper"},
                },
            },
            {
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"y": {"field": "value", "type": "quantitative"}},
            },
            {
                "mark": {"type": "rule", "strokeWidth": 1},
                "params": [
                    {
                        "name": "pointed",
                        "select": {
                            "type": "point",
                            "on": "pointerover",
                            "clear": "pointerout",
                            "nearest": True,
                            "fields": ["at"],
                        },
                    }
                ],
                "encoding": {
                    "opacity": {
                        "condition": {"param": "pointed", "empty": False, "value": 0.6},
                        "value": 0,
                    },
                    "tooltip": tooltip,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                "encoding": {
                    "y": {"field": "value", "type": "quantitative"},
                    "opacity": {
                        "condition": {"param": "pointed", "empty": False, "value": 1},
                        "value": 0,
                    },
                },
            },
        ],
    }


def bars(value_title: str, height: int = 180) -> Spec:
    """Return bars from each point's start to its end, with error bars."""
    tooltip = [titled("when", "When"), titled("figure", value_title), titled("interval", "Within")]
    axis = {"title": value_title, "format": ",.12~g", "tickCount": 4, "tickMinStep": 1}
    return {
        "$schema": SCHEMA,
        "height": height,
        "layer": [
            {
                "mark": {"type": "rect", "stroke": None},
                "encoding": {
                    "x": {"field": "start", **TIME_AXIS},
                    "x2": {"field": "end"},
                    "y": {"field": "value", "type": "quantitative", "axis": axis},
                    "y2": {"datum": 0},
                    "tooltip": tooltip,
                },
            },
            {
                "transform": [{"filter": "datum.upper > datum.lower"}],
                "mark": {"type": "rule", "opacity": 0.7},
                "encoding": {
                    "x": {"field": "at", **TIME_AXIS},
                    "y": {"field": "lower", "type": "quantitative"},
                    "y2": {"field": "upper"},
                },
            },
        ],
    }
