"""A release on a real cluster: install, ask, crash, upgrade, roll back, erase, uninstall.

Each test is a step and takes the release on from where the one before left it.
"""

from __future__ import annotations

import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import skip_or_fail
from tests.e2e.cluster.installation import (
    ASKER,
    CHART,
    IMAGES,
    NAME,
    RELEASE,
    ask,
    count_log,
    figures,
    forwarded,
    frozen_simulator,
    get,
    helm,
    kubectl,
    older_chart,
    pods,
    ready,
    rolled_out,
    run,
    run_in,
    secret,
    wait_for,
)
from tests.e2e.cluster.network import doors, reached, reached_by_a_stranger
from tests.e2e.cluster.notes import follow_notes

from sottovoce.client import Client, TimeRange, Tls
from sottovoce.wire.v1 import query_pb2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KIND = ("--values", str(CHART / "values-kind.yaml"))
OLDER = (
    *("--set", "producer.simulator.rate=300"),
    *("--set", "producer.simulator.listeners=20000"),
    *("--set", "producer.simulator.seats=3000"),
    *("--set", "query.drainSeconds=1"),
    *("--set", "producer.env.SOTTOVOCE_TRUTH_FOLDER=/tmp/truth"),
)
ADMITTED = 'sottovoce_consumer_listens_admitted_total{data_set="live"}'
REFUSED = 'sottovoce_consumer_listens_refused_total{data_set="live"'
COMPONENTS = ("kafka", "producer", "consumer", "executor", "query", "dashboard", "admin")


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


def refused():
    """What the consumer read and did not count, by reason: late, or beyond a listener's bounds."""
    found = figures("consumer", 9462)
    return {name: each for name, each in found.items() if name.startswith(REFUSED) and each}


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


def test_every_answer_agrees_with_the_truth(namespace, tmp_path):
    catalogue = tmp_path / "catalogue.csv"
    tracks = json.loads(helm("get", "values", RELEASE, "-o", "json"))["catalogue"]["madeUpTracks"]
    producer = (sys.executable, "-m", "sottovoce_producer.main")
    run(*producer, "made-up-catalogue", str(catalogue), f"--tracks={tracks}")
    with frozen_simulator(tmp_path) as truth:
        for each in (truth, catalogue):
            kubectl("cp", str(each), f"asker:/tmp/{each.name}")
        told = run_in("asker", "compare.py", "/tmp/truth", "/tmp/catalogue.csv")
        assert counted() == told["listens"]
    checks = told["checks"]
    print(*(f"{each['question']}: {each['answer']} ({each['truth']})" for each in checks), sep="\n")
    assert len(checks) > 25
    assert [each for each in checks if not each["fine"]] == []
    operator = ("--token-file", "/etc/sottovoce/tokens/operator")
    kubectl("exec", f"deployment/{NAME}-admin", "--", "sottovoce", "budget", "export", *operator)
    ended = [each for each in figures("query", 9463) if re.search(r'code="(OK|CANCELLED)"', each)]
    asked = {each.partition('method="')[2].partition('"')[0] for each in ended}
    rpcs = {each.name for each in query_pb2.DESCRIPTOR.services_by_name["QueryService"].methods}
    assert rpcs <= asked


def test_the_notes_work_word_for_word(namespace, tmp_path):
    said = follow_notes(tmp_path)
    for word in ("sottovoce.v1.QueryService", '"version"', '"ledger"', "Track"):
        assert word in said


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


def test_only_the_arrows_of_the_design_are_open(namespace):
    found, has_network = reached_by_a_stranger()
    assert has_network
    if found == doors().keys():
        skip_or_fail("the cluster's network plug-in enforces no NetworkPolicy")
    assert found == set()
    for pod, wanted in (
        ("asker", {"query"}),
        (f"deployment/{NAME}-dashboard", {"query"}),
        (f"deployment/{NAME}-admin", {"kafka", "query", "producer"}),
        (f"statefulset/{NAME}-producer", {"kafka"}),
        (f"deployment/{NAME}-query", {"kafka"}),
    ):
        assert reached(pod) == (wanted, False), pod


@pytest.mark.parametrize("component", ["executor", "query", "consumer", "producer", "kafka"])
def test_a_pod_that_is_killed_comes_back_and_answers_do(namespace, component):
    (pod,) = pods(component)
    kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
    wait_for(f"another {component}", lambda: ready(component, besides=pod["metadata"]["uid"]))
    news()


def test_upgrade_and_rollback_under_load_lose_no_budget(namespace):
    before = charges()
    changed = ("--set", "query.env.SOTTOVOCE_QUERY_WORKERS=3")
    helm("upgrade", RELEASE, str(CHART), *KIND, *IMAGES, *changed)
    rolled_out()
    news()
    between = charges()
    helm("rollback", RELEASE, "1")
    rolled_out()
    news()
    after = charges()
    assert before["ledger"] == between["ledger"] == after["ledger"]
    for earlier, later in ((before, between), (between, after)):
        still = spent(later)
        both = still.keys() & spent(earlier).keys()
        assert both
        for start in both:
            assert still[start] >= spent(earlier)[start]


def test_two_replicas_release_the_same_and_one_of_them_may_go(namespace, tmp_path):
    helm("upgrade", RELEASE, str(CHART), *KIND, *IMAGES, "--set", "query.replicas=2")
    rolled_out()
    end = datetime.fromisoformat(news()["basis"]["range"]["end"])
    asked = TimeRange(end - timedelta(minutes=1), end)
    token, ca = secret("tokens", "analyst").decode(), tmp_path / "ca.crt"
    ca.write_bytes(secret("tls", "ca.crt"))
    told = []
    for pod in pods("query"):
        with forwarded(f"pod/{pod['metadata']['name']}", 50051) as port:
            client = Client(f"localhost:{port}", token=token, tls=Tls(ca))
            told.append([client.genres("live", asked), client.distinct_listeners("live", asked)])
    assert len(told) == 2
    assert told[0] == told[1]
    with ThreadPoolExecutor() as beside:
        asking = beside.submit(run_in, "asker", "keep_asking.py", "15")
        time.sleep(4)
        kubectl("delete", "pod", pods("query")[0]["metadata"]["name"], "--wait=false")
        kept = asking.result()
    assert kept["failures"] == []
    assert kept["answered"] > 20


def test_nothing_was_lost_or_counted_twice(namespace):
    kubectl("scale", f"statefulset/{NAME}-producer", "--replicas=0")
    wait_for("the producer's end", lambda: not pods("producer") or None)
    exact = count_log()
    assert exact["listens"] > 1_000
    assert exact["events"] == exact["listens"]

    def judged():
        return counted() + sum(refused().values())

    wait_for("the last listen", lambda: judged() >= exact["listens"] or None, seconds=120)
    print(f"{exact['listens']:,} in the log, {counted():,.0f} counted; refused: {refused()}")
    assert judged() == exact["listens"]
    assert counted() > 0.9 * exact["listens"]
    kubectl("scale", f"statefulset/{NAME}-producer", "--replicas=1")
    wait_for("the producer", lambda: ready("producer"))


def test_a_listener_is_erased_until_nothing_is_left(namespace, tmp_path):
    before = count_log()["listeners"]
    listener = max(before, key=before.get)
    admin = ("exec", "-i", f"deployment/{NAME}-admin", "--")
    steward = ("--token-file", "/etc/sottovoce/tokens/steward")
    request = ("sottovoce", "erase", "request", "-", "--wait", "--patience=420")
    erasure = kubectl(*admin, *request, *steward, stdin=listener, timeout=500).split()[-1]
    rows = json.loads(
        kubectl(*admin, "sottovoce", "erase", "status", erasure, *steward, "--format", "json")
    )
    assert {each["step"] for each in rows} == {"gone"}
    certificate = kubectl(*admin, "sottovoce", "erase", "certificate", erasure, *steward)
    assert json.loads(certificate)["statement"]["complete"]
    assert listener not in count_log()["listeners"]
    # As docs/operations.md says.
    private = secret("erasure-key", "erasure.key").decode()
    public = run("openssl", "pkey", "-pubout", stdin=private)
    consumer = ("exec", "-i", f"{NAME}-consumer-0", "--")
    for name, content in (("certificate.json", certificate), ("erasure.key.pub", public)):
        kubectl(*consumer, "sh", "-c", f"cat > /tmp/{name}", stdin=content)
    verify = ("sottovoce", "erasure", "verify", "/tmp/certificate.json")
    kubectl(*consumer, *verify, "--public-key=/tmp/erasure.key.pub")
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
