"""Named figures as horizontal bars, the largest on top, with error bars and their figures."""

from __future__ import annotations

from typing import Any

from sottovoce_dashboard.charts.spec import SCHEMA, Spec, text_axis, titled

_ROW_HEIGHT = 26
_AXIS_HEIGHT = 64
_ROOM_FOR_LABELS = 56


def ranked_bars(
    value: str, value_title: str, rows: int, tooltip: dict[str, str], **scale: Any
) -> Spec:
    """Return a bar for each row of a table: `order`, `name`, `label`, a value, `lower`, `upper`.

    Args:
        value: the field of the bar's length; `lower` and `upper` are its interval.
        value_title: of its axis, unit included.
        rows: how many there are.
        tooltip: field to title.
        scale: of the value axis.
    """
    y = {
        "field": "name",
        "type": "nominal",
        "sort": {"field": "order", "op": "min"},
        "axis": text_axis(labelOverlap=False),
    }
    x: Spec = {
        "field": value,
        "type": "quantitative",
        "axis": {"title": value_title, "tickCount": 6},
        "scale": {"nice": True, **scale},
    }
    return {
        "$schema": SCHEMA,
        "height": max(2, rows) * _ROW_HEIGHT + _AXIS_HEIGHT,
        "padding": {"left": 0, "top": 4, "bottom": 4, "right": _ROOM_FOR_LABELS},
        "encoding": {"y": y},
        "layer": [
            {
                "mark": {"type": "bar", "height": {"band": 0.72}, "cornerRadiusEnd": 3},
                "encoding": {
                    "x": x,
                    "tooltip": [titled(field, title) for field, title in tooltip.items()],
                },
            },
            {
                "transform": [{"filter": "datum.upper > datum.lower"}],
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.8},
                "encoding": {
                    "x": {"field": "lower", "type": "quantitative"},
                    "x2": {"field": "upper"},
                },
            },
            {
                "mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 6},
                "encoding": {
                    "x": {"field": "upper", "type": "quantitative"},
                    "text": {"field": "label", "type": "nominal"},
                },
            },
        ],
    }
