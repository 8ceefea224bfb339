"""The tools that look at the chart, and the chart as each preset renders it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.conftest import REPOSITORY, skip_or_fail

CHART = REPOSITORY / "helm" / "sottovoce"
KUBERNETES = "1.34.0"
KNOWN = (
    "kafka.strimzi.io/v1/Kafka",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
)
"""What a cluster knows that has both operators; `helm template` asks no cluster."""

PRESETS = {
    "defaults": (),
    "kind": ("--values", str(CHART / "values-kind.yaml")),
    "production": ("--values", str(CHART / "values-production.yaml")),
    "external": (
        *("--set", "kafka.mode=external"),
        *("--set", "kafka.external.bootstrap=kafka.example:9093"),
        *("--set", "kafka.external.saslSecret=kafka-user"),
        *("--set", "kafka.external.caSecret=kafka-ca"),
        *("--set", "kafka.external.certSecret=kafka-cert"),
        *("--set", "consumer.executors.instances=0"),
        *("--set", "dashboard.ingress.enabled=true"),
        *("--set", "dashboard.ingress.host=music.example"),
        *("--set", "networkPolicies.dashboardClients[0].podSelector.matchLabels.app=proxy"),
        *("--set", "producer.spotify.secret=spotify"),
    ),
}
"""Options of `helm template` for each way that people install it."""


def tool(name: str, lacks: str) -> str:
    """A program, where `scripts/deploy-tools` put it, or on the PATH."""
    mine = REPOSITORY / ".local" / "tools" / name
    found = str(mine) if mine.is_file() else shutil.which(name)
    if found is None:
        skip_or_fail(lacks)
    return found


@pytest.fixture(scope="session", params=["helm", "helm3"])
def helm(request) -> str:
    """Helm 4, and Helm 3."""
    return tool(request.param, f"needs {request.param}, which scripts/deploy-tools fetches")


@pytest.fixture(scope="session")
def helm4() -> str:
    """Helm 4 alone, where both say the same."""
    return tool("helm", "needs helm, which scripts/deploy-tools fetches")


@pytest.fixture(scope="session")
def crds() -> Path:
    """The folder of the custom resource definitions of Strimzi and of the Prometheus operator."""
    folder = Path(os.environ.get("SOTTOVOCE_CRDS") or REPOSITORY.parent / "shared" / "crds")
    if not (folder / "strimzi" / "kafka.yaml").is_file():
        skip_or_fail(f"needs CRDs: {folder} has no strimzi/kafka.yaml (set SOTTOVOCE_CRDS)")
    return folder


def template(
    helm: str, *options: str, known: tuple[str, ...] = KNOWN
) -> subprocess.CompletedProcess:
    """Render the chart."""
    apis = [each for api in known for each in ("--api-versions", api)]
    return subprocess.run(
        [
            *(helm, "template", "sv", str(CHART), "--namespace", "music"),
            *("--kube-version", KUBERNETES, *apis, *options),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def documents(helm: str, *options: str) -> list[dict]:
    """The rendered resources."""
    done = template(helm, *options)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


@pytest.fixture(scope="session", params=sorted(PRESETS))
def rendered(request, helm4) -> list[dict]:
    """The resources of one preset."""
    return documents(helm4, *PRESETS[request.param])
