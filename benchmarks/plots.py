"""Plots as SVG, small enough for the repository, readable on light and on dark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_COLOURS = ("#2a78b8", "#d9772b", "#4a9a5b", "#a3549e", "#8a8a8a")
_WAYS = {
    "consumer": "the consumer,\neverything counted\nand committed",
    "noop": "Spark's source\nto noop",
    "built-ins": "Spark's source\nand built-ins",
}
_MEMORY_BOUND_MB = 500


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    return figure, axes


def _save(figure: Figure, path: Path) -> None:
    # No date and fixed ids: the same figures give the same file.
    with mpl.rc_context({"svg.hashsalt": "sottovoce"}):
        figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def plot_consumer(figures: dict[str, Any], path: Path) -> None:
    """Draw the rates of the consumer and of Spark's source."""
    figure, axes = _figure("Listens a second over one topic", "", "thousand listens/s")
    for at, (way, label) in enumerate(_WAYS.items()):
        rates = sorted(rate / 1000 for rate in figures["rates"][way])
        axes.bar(label, rates[len(rates) // 2], color=_COLOURS[at], width=0.6)
        axes.plot([at] * len(rates), rates, "o", color="#222222", markersize=4)
    _save(figure, path)


def plot_freshness(figures: dict[str, Any], path: Path) -> None:
    """Draw the 99th percentile over time, rate by rate."""
    figure, axes = _figure("Freshness, 99th percentile", "seconds into the run", "seconds")
    for at, rate in enumerate(figures["rates"]):
        windows = rate["windows"]
        axes.plot(
            [each["at"] for each in windows],
            [each["p99"] for each in windows],
            marker="o",
            markersize=3,
            color=_COLOURS[at % len(_COLOURS)],
            label=f"{rate['rate']:,}/s",
        )
    axes.axhline(2.0, linestyle="--", color="#888888", linewidth=1)
    axes.set_ylim(bottom=0)
    axes.legend(title="listens", frameon=False)
    _save(figure, path)


def plot_costs(figures: dict[str, Any], path: Path) -> None:
    """Draw the cores of each service over the rate."""
    figure, axes = _figure("Cores by service", "thousand listens/s", "cores")
    rates = [each["sent"] / 1000 for each in figures["rates"]]
    services = list(figures["rates"][0]["cores"])
    cores = [[each["cores"][name] for each in figures["rates"]] for name in services]
    axes.stackplot(rates, cores, labels=services, colors=_COLOURS, alpha=0.85)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", frameon=False)
    _save(figure, path)


def plot_cached(figures: dict[str, Any], path: Path) -> None:
    """Draw calls a second over the number of clients."""
    figure, axes = _figure("Calls a second", "clients", "thousand calls/s")
    for at, (way, rates) in enumerate(figures["rates"].items()):
        clients = [int(each) for each in rates]
        values = [each / 1000 for each in rates.values()]
        axes.plot(clients, values, marker="o", markersize=4, color=_COLOURS[at], label=way)
    axes.set_xscale("log", base=2)
    axes.set_xticks(clients, [str(each) for each in clients])
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    _save(figure, path)


def plot_memory(figures: dict[str, Any], path: Path) -> None:
    """Draw the query service's memory over the slices held."""
    figure, axes = _figure("Memory of the query service", "slices held", "MB")
    points = figures["points"]
    slices = [each["slices"] for each in points]
    for at, (key, label) in enumerate((("memory_mb", "held"), ("peak_mb", "at most, at start"))):
        values = [each[key] for each in points]
        axes.plot(slices, values, marker="o", color=_COLOURS[at], label=label)
    axes.legend(frameon=False)
    axes.axhline(_MEMORY_BOUND_MB, linestyle="--", color="#888888", linewidth=1)
    axes.set_ylim(bottom=0)
    _save(figure, path)


def plot_utility(
    at: Sequence[float], errors: dict[str, list[float]], words: tuple[str, str], path: Path
) -> None:
    """Draw the relative error of each statistic over epsilon or population.

    Args:
        at: epsilons or populations.
        errors: of each statistic, one for each of `at`.
        words: the title, and what is along the axis.
        path: of the SVG.
    """
    figure, axes = _figure(*words, "root-mean-square error / truth")
    figure.set_size_inches(7, 4.6)
    for number, (name, values) in enumerate(errors.items()):
        axes.plot(
            at,
            values,
            marker="o" if number < len(_COLOURS) else "s",
            markersize=3,
            linestyle="-" if number < len(_COLOURS) else "--",
            color=_COLOURS[number % len(_COLOURS)],
            label=name,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(top=3)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    _save(figure, path)
