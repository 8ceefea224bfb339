"""What each slice has spent and has left, as stacked bars over time."""

from __future__ import annotations

from collections.abc import Sequence

from sottovoce_dashboard.charts.over_time import TIME_AXIS
from sottovoce_dashboard.charts.spec import SCHEMA, Spec, titled

_OPACITIES = (1.0, 0.35, 0.55, 0.12)


def budget_bars(value_title: str, parts: Sequence[str], height: int = 300) -> Spec:
    """Return bars from each slice's start to its end, a colour for each part of its epsilon.

    Args:
        value_title: of the value axis.
        parts: what is spent, then what is left and set aside, from the bottom up.
        height: in pixels.
    """
    return {
        "$schema": SCHEMA,
        "height": height,
        "mark": {"type": "rect", "stroke": None},
        "encoding": {
            "x": {"field": "start", **TIME_AXIS},
            "x2": {"field": "end"},
            "y": {
                "field": "low",
                "type": "quantitative",
                "axis": {"title": value_title, "tickCount": 5},
            },
            "y2": {"field": "high"},
            "color": {
                "field": "part",
                "type": "nominal",
                "scale": {"domain": list(parts)},
                "legend": {"title": None, "orient": "top"},
            },
            "opacity": {
                "field": "part",
                "type": "nominal",
                "scale": {"domain": list(parts), "range": list(_OPACITIES)},
                "legend": None,
            },
            "tooltip": [
                titled("when", "Slice"),
                titled("part", "Epsilon"),
                titled("figure", "How much"),
            ],
        },
    }
