"""What all specifications share."""

from __future__ import annotations

from typing import Any, Final

type Spec = dict[str, Any]

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"


def titled(field: str, title: str) -> Spec:
    """Return a text field of a tooltip."""
    return {"field": field, "type": "nominal", "title": title}


def text_axis(**more: Any) -> Spec:
    """Return an axis of names: room for long ones, no grid."""
    return {
        "title": None,
        "labelLimit": 340,
        "grid": False,
        "ticks": False,
        "domain": False,
        **more,
    }
