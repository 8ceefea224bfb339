"""Where tests find their data."""

import os
from pathlib import Path

import pytest

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
        lacks = f"needs real data: {folder} has no spotify_tracks.csv.gz (set SOTTOVOCE_DATA)"
        if os.environ.get("SOTTOVOCE_REQUIRE_ALL") == "1":
            pytest.fail(lacks)
        pytest.skip(lacks)
    return folder
