"""What pods of a release and others can reach."""

from __future__ import annotations

import yaml
from tests.e2e.cluster.installation import ASKER, NAME, kubectl, ready, run_in

ELSEWHERE = "kubernetes.default.svc:443"


def doors() -> dict[str, str]:
    """What listens in the release, as HOST:PORT; metrics at the pods themselves."""
    metrics = {"query": 9463, "consumer": 9462}
    at = {each: (ready(each) or {})["status"]["podIP"] for each in metrics}
    return {
        "kafka": f"{NAME}-kafka:9092",
        "query": f"{NAME}-query:50051",
        "producer": f"{NAME}-producer:50061",
        "dashboard": f"{NAME}-dashboard:80",
        **{f"{each}'s metrics": f"{at[each]}:{port}" for each, port in metrics.items()},
    }


def reached(pod: str) -> tuple[set[str], bool]:
    """Which doors a pod reaches, its own aside, and whether it reaches the API server.

    Whether a pod reaches itself through its Service is left to the network plug-in.
    """
    own, there = pod.rpartition("-")[2], doors()
    found = run_in(pod, "reach.py", *there.values(), ELSEWHERE)
    names = {name for name, target in there.items() if found[target] and not name.startswith(own)}
    return names, found[ELSEWHERE]


def reached_by_a_stranger() -> tuple[set[str], bool]:
    """Which doors a pod of no release reaches, and whether it reaches the API server."""
    kubectl("apply", "-f", "-", stdin=_stranger())
    kubectl("wait", "--for=condition=Ready", "pod/stranger", "--timeout=60s")
    try:
        return reached("stranger")
    finally:
        kubectl("delete", "pod", "stranger", "--grace-period=0", "--force")


def _stranger() -> str:
    """A pod of no release: like the asker, without its labels and what it may show."""
    pod = yaml.safe_load(ASKER)
    pod["metadata"] = {"name": "stranger"}
    pod["spec"]["volumes"] = [{"name": "tmp", "emptyDir": {}}]
    (container,) = pod["spec"]["containers"]
    container["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}]
    return yaml.safe_dump(pod)
