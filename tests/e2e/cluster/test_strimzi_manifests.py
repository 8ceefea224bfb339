"""The manifests of the mode strimzi, given to a real API server that knows such resources.

Nothing is installed: the server validates and forgets them. The definitions are added for the test,
and taken away where they were not there before.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.e2e.cluster.installation import CHART, run

NAMESPACE = "sottovoce-strimzi"
KINDS = {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser", "PodMonitor", "PrometheusRule"}


@pytest.fixture(scope="module")
def operators():
    """A namespace, and the definitions of both operators."""
    folder = Path(os.environ.get("SOTTOVOCE_CRDS") or REPOSITORY.parent / "shared" / "crds")
    folders = [str(folder / name) for name in ("strimzi", "prometheus-operator")]
    files = [part for each in folders for part in ("--filename", each)]
    before = set(run("kubectl", "get", "crd", "-o", "name").split())
    run("kubectl", "apply", "--server-side", *files)
    run("kubectl", "wait", "--for=condition=Established", "--timeout=60s", *files)
    run("kubectl", "create", "namespace", NAMESPACE)
    label = "pod-security.kubernetes.io/enforce=restricted"
    run("kubectl", "label", "namespace", NAMESPACE, label)
    yield
    run("kubectl", "delete", "namespace", NAMESPACE, "--timeout=120s")
    added = set(run("kubectl", "get", "crd", "-o", "name").split()) - before
    if added:
        run("kubectl", "delete", *sorted(added))


@pytest.mark.usefixtures("operators")
def test_the_server_takes_every_manifest_of_production():
    options = ("--values", str(CHART / "values-production.yaml"), "--namespace", NAMESPACE)
    told = ("helm", "template", "music", str(CHART), *options)
    apis = [
        f"--api-versions={each}"
        for each in (
            "kafka.strimzi.io/v1/Kafka",
            "monitoring.coreos.com/v1/PodMonitor",
            "monitoring.coreos.com/v1/PrometheusRule",
        )
    ]
    manifests = run(*told, *apis, "--kube-version=1.34.0", "--no-hooks")
    taken = run(
        "kubectl", "apply", "--namespace", NAMESPACE, "--server-side", "--dry-run=server",
        "--validate=strict", "--filename=-", "--output=json",
        stdin=manifests,
    )  # fmt: skip
    kinds, decoder, at = set(), json.JSONDecoder(), 0
    while at < len(taken):
        found, end = decoder.raw_decode(taken, at)
        kinds |= {each["kind"] for each in found.get("items", [found])}
        at = end + len(taken[end:]) - len(taken[end:].lstrip())
    assert kinds >= KINDS
