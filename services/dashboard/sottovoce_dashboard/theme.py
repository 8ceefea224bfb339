"""The look: colours that can be told apart in light and dark, by colour-blind eyes too."""

from __future__ import annotations

from typing import Final

_SHARED: Final = {
    "theme.baseFontSize": 15,
    "theme.baseRadius": "0.5rem",
    "theme.headingFontSizes": ["1.9rem", "1.35rem", "1.1rem"],
    "theme.headingFontWeights": [650, 600, 600],
    "theme.metricValueFontSize": "1.9rem",
    "theme.showSidebarBorder": True,
}
_LIGHT: Final = {
    "primaryColor": "#5646c9",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f4f3fa",
    "textColor": "#1d1b2e",
    "borderColor": "#dddae9",
    "linkColor": "#5646c9",
    "chartCategoricalColors": [
        "#5646c9", "#0b7f73", "#c4661f", "#b83a72", "#2f74b5", "#6f7f22", "#8a5a3c", "#64748b",
    ],
    "chartSequentialColors": [
        "#f0eefb", "#dedaf7", "#c9c3f1", "#b2a9ea", "#9b8fe2",
        "#8475d8", "#6e5dcf", "#5646c9", "#4335a4", "#31277c",
    ],
    "chartDivergingColors": [
        "#8f3410", "#b85a2b", "#d88a5c", "#ecbb9b", "#f8e6da",
        "#e2ebf6", "#b0cbe6", "#76a3d2", "#4479b6", "#215592",
    ],
}  # fmt: skip
_DARK: Final = {
    "primaryColor": "#a99dff",
    "backgroundColor": "#12111a",
    "secondaryBackgroundColor": "#1c1a28",
    "textColor": "#ebe9f5",
    "borderColor": "#353148",
    "linkColor": "#b9afff",
    "chartCategoricalColors": [
        "#a99dff", "#4cc9b8", "#f2a65a", "#f07fb0", "#7ab8f5", "#c3d35f", "#d0a184", "#a3b0c2",
    ],
    "chartSequentialColors": [
        "#231f3d", "#2d2756", "#393170", "#473d8b", "#574ba6",
        "#695dc0", "#7d72d8", "#9489ec", "#a99dff", "#cbc4ff",
    ],
    "chartDivergingColors": [
        "#f2a65a", "#cf8440", "#a5662f", "#744823", "#40291a",
        "#1a2a3d", "#254a70", "#3369a0", "#478bc9", "#7ab8f5",
    ],
}  # fmt: skip


def theme_options() -> dict[str, object]:
    """Return Streamlit's options for both themes; the browser's preference picks one."""
    return {
        **_SHARED,
        **{f"theme.light.{name}": value for name, value in _LIGHT.items()},
        **{f"theme.dark.{name}": value for name, value in _DARK.items()},
    }
