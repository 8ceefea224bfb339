"""One real broker for a whole test session."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from sottovoce.local.broker import LocalBroker


@pytest.fixture(scope="session")
def broker() -> Iterator[LocalBroker]:
    folder = Path(tempfile.mkdtemp(prefix="sottovoce-broker-"))
    with LocalBroker(folder) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture
def topic_prefix() -> str:
    """A prefix of topics, groups and transactional ids that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}."
