"""A square of correlations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sottovoce_dashboard.certainty import WIDEST
from sottovoce_dashboard.charts.spec import SCHEMA, Spec, text_axis, titled

_CELL = 46
_HEADER = 90
_STRONG: Final = {False: 0.55, True: 0.7}
_UNCERTAIN: Final = f"datum.width > {WIDEST}"
_GREY: Final = {False: "#ececf0", True: "#24222f"}
_ON_GREY: Final = "#8a8796"
_ON_STRONG: Final = {False: "#ffffff", True: "#12111a"}


def heat_map(features: Sequence[str], *, dark: bool) -> Spec:
    """Return a heat map of a table with `row`, `column`, `r`, `label` and `width`.

    What is too uncertain to tell anything is grey.

    Args:
        features: in the order that they are shown.
        dark: whether the page is; strong cells are written on in its background's colour.
    """
    order = list(features)
    return {
        "$schema": SCHEMA,
        "height": _CELL * len(order) + _HEADER,
        "encoding": {
            "x": {
                "field": "column",
                "type": "nominal",
                "sort": order,
                "axis": text_axis(labelAngle=-40, orient="top", labelOverlap=False),
            },
            "y": {
                "field": "row",
                "type": "nominal",
                "sort": order,
                "axis": text_axis(labelOverlap=False),
            },
        },
        "layer": [
            {
                "mark": {"type": "rect", "cornerRadius": 3, "invalid": None},
                "encoding": {
                    "color": {
                        "condition": {"test": _UNCERTAIN, "value": _GREY[dark]},
                        "field": "r",
                        "type": "quantitative",
                        "scale": {"domain": [-1, 1], "domainMid": 0},
                        "legend": {
                            "title": "Pearson's r",
                            "orient": "right",
                            "gradientLength": 240,
                            "values": [-1, -0.5, 0, 0.5, 1],
                        },
                    },
                    "tooltip": [
                        titled("row", "Feature"),
                        titled("column", "with"),
                        titled("label", "Pearson's r"),
                        titled("interval", "Within"),
                    ],
                },
            },
            {
                "mark": {"type": "text", "baseline": "middle", "fontSize": 12},
                "encoding": {
                    "text": {"field": "label", "type": "nominal"},
                    "color": {
                        "condition": [
                            {"test": _UNCERTAIN, "value": _ON_GREY},
                            {
                                "test": f"abs(datum.r) > {_STRONG[dark]}",
                                "value": _ON_STRONG[dark],
                            },
                        ],
                        "value": _ON_STRONG[not dark],
                    },
                },
            },
        ],
    }
