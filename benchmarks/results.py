"""Results: one JSON file a benchmark, one Markdown page of them all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from sottovoce.local.jars import default_folder

RESULTS = Path(__file__).parent / "results"

type Cell = str | int | float


@dataclass(frozen=True)
class Target:
    """Something that must be reached.

    Attributes:
        what: the figure, in words.
        value: as measured.
        wanted: the bound.
        sense: which side of the bound is fine.
        unit: of both.
    """

    what: str
    value: float
    wanted: float
    sense: Literal["at least", "at most"]
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the bound is kept."""
        over = self.value >= self.wanted
        return over if self.sense == "at least" else self.value <= self.wanted


@dataclass(frozen=True)
class Table:
    """A table for people; figures keep their precision in JSON."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [f"**{self.title}**", "", _row(self.columns), _row(["---"] * len(self.columns))]
        return "\n".join([*lines, *(_row([show(each) for each in row]) for row in self.rows)])


@dataclass
class Result:
    """What one benchmark found.

    Attributes:
        benchmark: its name.
        question: what it answers, in one sentence.
        tables: for people.
        targets: what must be reached.
        figures: whatever plots and the report need.
        notes: how to read it.
    """

    benchmark: str
    question: str
    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def save(self, *, size: str, seconds: float, machine: dict[str, str], load: float) -> Path:
        """Write `NAME.json`: to `results/`, or for a size that only tries things, to `.local`."""
        folder = folder_of(size)
        folder.mkdir(parents=True, exist_ok=True)
        told = asdict(self)
        told["targets"] = [asdict(each) | {"met": each.met} for each in self.targets]
        told |= {"size": size, "seconds": round(seconds, 1), "load_before": round(load, 2)}
        told["machine"] = machine
        path = folder / f"{self.benchmark}.json"
        path.write_text(json.dumps(_rounded(told), indent=1) + "\n")
        return path


def show(value: Cell) -> str:
    """Return a figure as people read it."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def target_table(targets: Sequence[dict[str, Any]]) -> str:
    """Return targets as a Markdown table that names which fell short."""
    rows = [
        [
            each["what"],
            f"{show(each['value'])} {each['unit']}".strip(),
            f"{each['sense']} {show(each['wanted'])} {each['unit']}".strip(),
            "yes" if each["met"] else "**no**",
        ]
        for each in targets
    ]
    head = [_row(["figure", "measured", "wanted", "reached"]), _row(["---"] * 4)]
    return "\n".join([*head, *map(_row, rows)])


def folder_of(size: str) -> Path:
    """Return where results of a size go."""
    return default_folder() / "benchmarks-tried" if size == "tiny" else RESULTS


def load_results(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """Return every result that was saved."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def write_page(folder: Path = RESULTS) -> Path:
    """Write a folder's `README.md` from its JSON files."""
    results = load_results(folder)
    targets = [each for result in results for each in result["targets"]]
    parts = ["# Results", "Written by `make bench` from the JSON files beside it."]
    if results:
        machine = ", ".join(f"{key} {value}" for key, value in results[0]["machine"].items())
        parts.append(f"Machine: {machine}.")
    parts.append(target_table(targets))
    for result in results:
        parts.append(f"## {result['benchmark']}\n\n{result['question']}")
        parts += [Table(**each).markdown() for each in result["tables"]]
        parts += [f"- {note}" for note in result["notes"]]
        parts.append(
            f"Size {result['size']}; {result['seconds']:.0f} s; the machine's load before was "
            f"{result['load_before']}."
        )
    path = folder / "README.md"
    path.write_text("\n\n".join(parts) + "\n")
    return path


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
