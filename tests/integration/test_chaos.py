"""Ten faults against the whole system, and poison: what `make chaos` does, small enough for CI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def chaos(*arguments: str) -> str:
    """Run the harness as a process of its own: it leaves the machine's network and mounts."""
    done = subprocess.run(
        [sys.executable, "-m", "chaos", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=380,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_after_ten_faults_everything_holds(tmp_path: Path) -> None:
    told = chaos("--seed=64", "--faults=10", f"--folder={tmp_path}")
    assert "FAIL" not in told
    assert "after 10 faults" in told
    assert "ok   cells as an undisturbed consumer makes them" in told


def test_poison_and_overload_lose_nothing() -> None:
    told = chaos("poison", "--records=60000")
    assert "FAIL" not in told
