"""Only `make e2e` collects these: they need a cluster, and install and uninstall there.

Each test is a step that goes on where the one before it in its module ended.
"""

import os
import time

import pytest
from tests.e2e.cluster.installation import NAMESPACE, run

collect_ignore_glob = [] if os.environ.get("SOTTOVOCE_E2E") == "1" else ["test_*.py"]

failed: dict[str, str] = {}
steps: list[tuple[str, float]] = []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Let a step see whether it failed."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        failed.setdefault(item.module.__name__, item.name)


@pytest.fixture(autouse=True)
def step(request):
    """Keep how long each step took; after one that failed the others make no sense."""
    if before := failed.get(request.module.__name__):
        pytest.fail(f"{before} failed before", pytrace=False)
    began = time.monotonic()
    yield
    steps.append((request.node.name.removeprefix("test_"), time.monotonic() - began))


@pytest.fixture(scope="session", autouse=True)
def table():
    """At the end: the steps and their seconds."""
    yield
    print("\n\n| step | s |\n|---|---|")
    for name, seconds in steps:
        print(f"| {name.replace('_', ' ')} | {seconds:.0f} |")


@pytest.fixture(scope="module")
def namespace():
    """A namespace in which pods must be restricted."""
    run("kubectl", "delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=180s")
    run("kubectl", "create", "namespace", NAMESPACE)
    label = "pod-security.kubernetes.io/enforce=restricted"
    run("kubectl", "label", "namespace", NAMESPACE, label)
    yield NAMESPACE
    run("kubectl", "delete", "namespace", NAMESPACE, "--timeout=180s")
