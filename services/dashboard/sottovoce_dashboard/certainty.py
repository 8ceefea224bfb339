"""When a correlation tells anything."""

from __future__ import annotations

from typing import Final

from sottovoce.client import Estimate

WIDEST: Final = 1.0
"""An interval of a correlation that is wider leaves even its sign open in most cases."""


def is_certain(correlation: Estimate) -> bool:
    """Return whether a correlation's interval is narrow enough to be looked at."""
    return correlation.upper - correlation.lower <= WIDEST
