"""Where tests find their data."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow now and then; that says nothing of a property.
settings.register_profile(
    "sottovoce", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("sottovoce")

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def made_up_data() -> Path:
    """The folder of small made-up files, in the shapes of real ones."""
    return REPOSITORY / "tests" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real music data; without it a test is skipped, or fails where all must run."""
    folder = Path(os.environ.get("SOTTOVOCE_DATA") or REPOSITORY.parent / "shared" / "data")
    if not (folder / "spotify_tracks.csv.gz").is_file():
        skip_or_fail(f"needs real data: {folder} has no spotify_tracks.csv.gz (set SOTTOVOCE_DATA)")
    return folder


@pytest.fixture(scope="session")
def promtool() -> str:
    """The program that lints metrics."""
    found = shutil.which("promtool")
    if found is None:
        skip_or_fail("needs promtool, which Debian's package prometheus brings")
    return found


def skip_or_fail(lacks: str) -> NoReturn:
    """Skip a test for what it lacks; where all must run, fail."""
    if os.environ.get("SOTTOVOCE_REQUIRE_ALL") == "1":
        pytest.fail(lacks)
    pytest.skip(lacks)
