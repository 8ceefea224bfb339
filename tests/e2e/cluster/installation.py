"""The chart on a real cluster, seen through kubectl and helm: whatever KUBECONFIG names."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

import yaml
from tests.conftest import REPOSITORY

CHART = REPOSITORY / "helm" / "sottovoce"
NAMESPACE = "sottovoce-e2e"
RELEASE = "music"
NAME = "music-sottovoce"
REGISTRY = os.environ.get("REGISTRY", "localhost")
TAG = os.environ.get("TAG", "dev")
IMAGES = ("--set", f"images.registry={REGISTRY}", "--set", f"images.tag={TAG}")


class CommandFailed(AssertionError):
    """kubectl or helm refused; the message has what they said."""


def run(*command: str, stdin: str | None = None, timeout: float = 300) -> str:
    """Run a command and return what it printed."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=timeout
    )
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def kubectl(*arguments: str, stdin: str | None = None, timeout: float = 300) -> str:
    """Run kubectl in the namespace of the test."""
    return run("kubectl", "--namespace", NAMESPACE, *arguments, stdin=stdin, timeout=timeout)


def helm(*arguments: str, timeout: float = 600) -> str:
    """Run helm in the namespace of the test."""
    return run("helm", "--namespace", NAMESPACE, *arguments, timeout=timeout)


def get(kind: str, *more: str) -> list[dict[str, Any]]:
    """The resources of a kind."""
    found: list[dict[str, Any]] = json.loads(kubectl("get", kind, "-o", "json", *more))["items"]
    return found


def wait_for[T](what: str, look: Callable[[], T | None], seconds: float = 240) -> T:
    """Look twice a second until there is something."""
    until = time.monotonic() + seconds
    said = ""
    while time.monotonic() < until:
        try:
            found = look()
        except CommandFailed as error:
            said, found = str(error), None
        if found is not None and found is not False:
            return found
        time.sleep(0.5)
    state = kubectl("get", "pods")
    raise AssertionError(f"{what}: not within {seconds:.0f} s\n{state}\n{said}")


def older_chart(folder: Path) -> Path:
    """The chart as an older release would have been: a lower version."""
    older = folder / "sottovoce"
    shutil.copytree(CHART, older)
    about = older / "Chart.yaml"
    content = yaml.safe_load(about.read_text())
    about.write_text(yaml.safe_dump({**content, "version": "0.0.1"}))
    return older


def pods(component: str) -> list[dict[str, Any]]:
    """The pods of a component that are not going away."""
    chosen = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component={component}"
    return [
        each for each in get("pods", "-l", chosen) if "deletionTimestamp" not in each["metadata"]
    ]


def ready(component: str, besides: str = "") -> dict[str, Any] | None:
    """A pod of a component that is ready; not the one of a uid."""
    for pod in pods(component):
        conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", [])}
        if conditions.get("Ready") == "True" and pod["metadata"]["uid"] != besides:
            return pod
    return None


def rolled_out() -> None:
    """Wait until what an upgrade changed runs in all its pods."""
    for each in (f"deployment/{NAME}-query", f"statefulset/{NAME}-producer"):
        kubectl("rollout", "status", each, "--timeout=240s")


ASKER = Template((Path(__file__).parent / "asker.yaml").read_text()).substitute(
    RELEASE=RELEASE,
    NAME=NAME,
    NAMESPACE=NAMESPACE,
    IMAGE=f"{REGISTRY}/sottovoce-query:{TAG}",
)
"""A pod that asks through the Service, over TLS, as the dashboard does: the policies let it."""


def ask(*question: str, timeout: float = 60) -> Any:
    """Ask through the Service; the answer as JSON."""
    command = ("exec", "asker", "--", "sottovoce", *question, "--format", "json")
    return json.loads(kubectl(*command, timeout=timeout))


def secret(name: str, key: str) -> bytes:
    """What a Secret of the release holds."""
    (found,) = (each for each in get("secret") if each["metadata"]["name"] == f"{NAME}-{name}")
    return base64.b64decode(found["data"][key])


def run_in(pod: str, script: str, *arguments: str, timeout: float = 300) -> Any:
    """Run a script of this folder with a pod's Python, and return the JSON that it prints."""
    text = (Path(__file__).parent / script).read_text()
    command = ("exec", "-i", pod, "--", "python", "-", *arguments)
    return json.loads(kubectl(*command, stdin=text, timeout=timeout))


def count_log() -> dict[str, Any]:
    """What the log of `live` holds, read from its beginning."""
    counted: dict[str, Any] = run_in(f"deployment/{NAME}-admin", "count_log.py")
    return counted


@contextmanager
def forwarded(target: str, port: int) -> Iterator[int]:
    """Forward a free port of this machine to a port of a pod or Service."""
    command = ("kubectl", "--namespace", NAMESPACE, "port-forward", target, f":{port}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forwarding:
        try:
            assert forwarding.stdout is not None
            yield int(forwarding.stdout.readline().split(" -> ")[0].rpartition(":")[2])
        finally:
            forwarding.terminate()


@contextmanager
def frozen_simulator(folder: Path) -> Iterator[Path]:
    """End the producer between two of its batches; afterwards there is one again.

    Yields a folder with what it says it wrote, which goes with its pod.
    """
    pod, there = f"{NAME}-producer-0", "/tmp/truth"
    signal = "kill -{} $(cat /proc/1/task/1/children)"
    for _ in range(20):
        kubectl("exec", pod, "--", "sh", "-c", signal.format("STOP"))
        if ".part" not in kubectl("exec", pod, "--", "ls", there):
            break
        kubectl("exec", pod, "--", "sh", "-c", signal.format("CONT"))
    else:
        raise AssertionError("the producer was always within a transaction")
    kubectl("cp", f"{pod}:{there}", str(folder / "truth"))
    kubectl("scale", f"statefulset/{NAME}-producer", "--replicas=0")
    kubectl("delete", "pod", pod, "--grace-period=0", "--force")
    try:
        yield folder / "truth"
    finally:
        kubectl("scale", f"statefulset/{NAME}-producer", "--replicas=1")
        wait_for("the producer", lambda: ready("producer"))


def figures(component: str, port: int) -> dict[str, float]:
    """The metrics of a component's pod, by name and labels."""
    pod = ready(component)
    assert pod is not None, component
    name = pod["metadata"]["name"]
    page = run(
        "kubectl", "get", "--raw",
        f"/api/v1/namespaces/{NAMESPACE}/pods/{name}:{port}/proxy/metrics",
    )  # fmt: skip
    lines = [each for each in page.splitlines() if each and each[0] != "#"]
    return {name: float(value) for name, _, value in (each.rpartition(" ") for each in lines)}
