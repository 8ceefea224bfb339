"""A release on a real cluster: install, ask, crash, upgrade, roll back, erase, uninstall.

Each test is a step and takes the release on from where the one before left it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY
from tests.e2e.cluster.installation import (
    ASKER,
    CHART,
    IMAGES,
    NAME,
    NAMESPACE,
    RELEASE,
    ask,
    count_log,
    figures,
    get,
    helm,
    kubectl,
    older_chart,
    pods,
    ready,
    run,
    wait_for,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KIND = ("--values", str(CHART / "values-kind.yaml"))
OLDER = ("--set", "producer.simulator.rate=20", "--set", "query.drainSeconds=1")
ADMITTED = 'sottovoce_consumer_listens_admitted_total{data_set="live"}'
COMPONENTS = ("kafka", "producer", "consumer", "executor", "query", "dashboard", "admin")

failed: list[str] = []
steps: list[tuple[str, float]] = []


@pytest.fixture(autouse=True)
def step(request):
    """Keep how long each step took; after one that failed the others make no sense."""
    if failed:
        pytest.fail(f"{failed[0]} failed before", pytrace=False)
    began = time.monotonic()
    yield
    steps.append((request.node.name.removeprefix("test_"), time.monotonic() - began))
    if getattr(request.node, "failed", False):
        failed.append(request.node.name)


@pytest.fixture(scope="module", autouse=True)
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


def answered(after=None):
    """An answer about the newest complete slice; only one that ends after a time."""
    answer = ask("ask", "genres")
    end = datetime.fromisoformat(answer["basis"]["range"]["end"])
    return answer if answer["shares"] and (after is None or end > after) else None


def charges():
    """The ledger's name, and what slices have spent."""
    return ask("budget", "show")


def spent(budget):
    """What each slice of live has spent, by its start."""
    (live,) = [each for each in budget["data_sets"] if each["data_set"] == "live"]
    return {each["start"]: each["spent"] for each in live["slices"]}


def counted():
    return figures("consumer", 9462)[ADMITTED]


def news():
    """Wait until something is answered that was not complete yet a moment ago."""
    now = datetime.now(UTC)
    return wait_for("an answer about a newer slice", lambda: answered(after=now))


def test_install_until_the_first_answer(namespace, tmp_path):
    began = time.monotonic()
    helm("install", RELEASE, str(older_chart(tmp_path)), *KIND, *IMAGES, *OLDER)
    kubectl("apply", "-f", "-", stdin=ASKER)
    wait_for("the first answer", answered, seconds=300)
    assert time.monotonic() - began < 300


def test_everything_is_ready(namespace):
    for component in COMPONENTS:
        wait_for(component, lambda component=component: ready(component))
    assert "Succeeded" in helm("test", RELEASE)


def test_every_question_is_answered_through_the_service(namespace):
    track = ask("ask", "top-tracks", "--size", "3")["entries"][0]["track"]
    for question in (
        ("top-artists",),
        ("genres",),
        ("countries",),
        ("distinct-listeners",),
        ("distinct-tracks",),
        ("distinct-artists",),
        ("series",),
        ("window", "1m"),
        ("correlation",),
        ("sample",),
        ("status",),
        ("trends", "--count", "1"),
        ("played", track["id"]),
        ("similar", track["id"]),
        ("search", track["title"].split()[0]),
    ):
        assert ask("ask", *question), question


def test_the_notes_work_word_for_word(namespace, tmp_path):
    tools = f"{REPOSITORY / '.local' / 'tools'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    if shutil.which("grpcurl", path=tools) is None:
        pytest.skip("needs grpcurl")
    lines = [each.strip() for each in helm("get", "notes", RELEASE).splitlines()]
    forward = next(each for each in lines if "port-forward service/" in each and "query" in each)
    starts = ("kubectl -n", "TOKEN=", "grpcurl", "SOTTOVOCE_TOKEN=")
    first, last = (
        next(i for i, each in enumerate(lines) if each.startswith(start))
        for start in (f"kubectl -n {NAMESPACE} get secret {NAME}-tls", "SOTTOVOCE_TOKEN=")
    )
    commands = [each for each in lines[first : last + 1] if each.startswith(starts)]
    assert sum(each.startswith("grpcurl") for each in commands) >= 3
    with subprocess.Popen(forward.split(), stdout=subprocess.PIPE, text=True) as forwarding:
        try:
            assert "50051" in forwarding.stdout.readline()
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
                cwd=tmp_path,
                env={**os.environ, "PATH": tools},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        finally:
            forwarding.terminate()
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("sottovoce.v1.QueryService", '"version"', '"ledger"', "Track"):
        assert said in done.stdout


def test_answers_agree_with_the_log(namespace):
    answer = ask("ask", "genres")
    exact = count_log()["slices"]
    start = datetime.fromisoformat(answer["basis"]["range"]["start"])
    from_ms = int(start.timestamp()) * 1000
    plays = [each["plays"] for each in answer["shares"]]
    # Each interval covers in 95 of 100 cases; half as wide again, all of them together do.
    value = sum(each["value"] for each in plays)
    slack = 1.5 * sum(each["upper"] - each["value"] for each in plays)
    assert abs(value - exact[str(from_ms)]) <= slack


@pytest.mark.parametrize("component", ["executor", "query", "consumer", "producer", "kafka"])
def test_a_pod_that_is_killed_comes_back_and_answers_do(namespace, component):
    (pod,) = pods(component)
    kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    wait_for(f"another {component}", lambda: ready(component, besides=pod["metadata"]["uid"]))
    news()


def test_upgrade_and_rollback_under_load_lose_no_budget(namespace):
    before = charges()
    helm(
        "upgrade",
        RELEASE,
        str(CHART),
        *KIND,
        *IMAGES,
        "--set",
        "query.env.SOTTOVOCE_QUERY_WORKERS=3",
    )
    kubectl("rollout", "status", f"deployment/{NAME}-query", "--timeout=240s")
    kubectl("rollout", "status", f"statefulset/{NAME}-producer", "--timeout=240s")
    news()
    between = charges()
    helm("rollback", RELEASE, "1")
    kubectl("rollout", "status", f"deployment/{NAME}-query", "--timeout=240s")
    kubectl("rollout", "status", f"statefulset/{NAME}-producer", "--timeout=240s")
    news()
    after = charges()
    assert before["ledger"] == between["ledger"] == after["ledger"]
    for earlier, later in ((before, between), (between, after)):
        still = spent(later)
        both = still.keys() & spent(earlier).keys()
        assert both
        for start in both:
            assert still[start] >= spent(earlier)[start]


def test_nothing_was_lost_or_counted_twice(namespace):
    kubectl("scale", f"statefulset/{NAME}-producer", "--replicas=0")
    wait_for("the producer's end", lambda: not pods("producer") or None)
    exact = count_log()
    assert exact["listens"] > 1_000
    assert exact["events"] == exact["listens"]
    wait_for("the last listen", lambda: counted() >= exact["listens"] or None, seconds=120)
    assert counted() == exact["listens"]
    kubectl("scale", f"statefulset/{NAME}-producer", "--replicas=1")
    wait_for("the producer", lambda: ready("producer"))


def test_a_listener_is_erased(namespace):
    exact = count_log()
    listener = exact["busiest"]
    erase = ("exec", "-i", f"deployment/{NAME}-admin", "--", "sottovoce", "erase")
    steward = ("--token-file", "/etc/sottovoce/tokens/steward")
    erasure = kubectl(*erase, "request", "-", *steward, stdin=listener).split()[-1]

    def rebuilt():
        rows = json.loads(kubectl(*erase, "status", erasure, *steward, "--format", "json"))
        beyond = {"rebuilt", "tombstoned", "gone"}
        return all(each["step"] in beyond for each in rows) or None

    wait_for("the cells without the listener", rebuilt, seconds=300)
    certificate = json.loads(kubectl(*erase, "certificate", erasure, *steward))
    assert certificate["signature"]
    news()


def test_uninstall_keeps_the_data_and_leaves_nothing_else(namespace):
    helm("uninstall", RELEASE, "--wait", "--timeout", "300s")
    kubectl("delete", "pod", "asker", "--grace-period=0", "--force")
    kinds = (
        "pods,services,deployments,statefulsets,jobs,configmaps,secrets,serviceaccounts,roles,"
        "rolebindings,networkpolicies,poddisruptionbudgets,persistentvolumeclaims"
    )

    def left():
        return {
            f"{each['kind']}/{each['metadata']['name']}"
            for each in get(kinds)
            if each["metadata"]["name"] not in ("kube-root-ca.crt", "default")
        }

    kept = {
        f"Secret/{NAME}-vault-key",
        f"Secret/{NAME}-erasure-key",
        f"PersistentVolumeClaim/data-{NAME}-kafka-0",
    }
    wait_for("the end of everything else", lambda: left() == kept or None, seconds=120)


def test_a_new_install_takes_up_what_was_kept(namespace):
    helm("install", RELEASE, str(CHART), *KIND, *IMAGES)
    kubectl("apply", "-f", "-", stdin=ASKER)
    wait_for("an answer", answered, seconds=300)
    assert count_log()["listens"] > 1_000
    helm("uninstall", RELEASE, "--wait", "--timeout", "300s")
