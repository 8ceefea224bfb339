"""Only `make e2e` collects these: they need a cluster, and install and uninstall there."""

import os

import pytest

collect_ignore_glob = [] if os.environ.get("SOTTOVOCE_E2E") == "1" else ["test_*.py"]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Let a step see whether it failed."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        item.failed = True
