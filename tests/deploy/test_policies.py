"""What every pod of every preset must have: restricted, bounded, probed, of a fixed version."""

from __future__ import annotations

import pytest
import yaml

RUNS_TO_ITS_END = {"Job", "Pod"}


def pods(rendered):
    """Every pod's specification: of workloads, and of the executors' template."""
    for each in rendered:
        if each["kind"] == "Pod":
            yield each["kind"], each["metadata"]["name"], each
        elif each["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield each["kind"], each["metadata"]["name"], each["spec"]["template"]
        elif each["kind"] == "ConfigMap" and "executor.yaml" in each["data"]:
            yield "executor", "executor", yaml.safe_load(each["data"]["executor.yaml"])


def test_pods_are_restricted(rendered):
    for _, name, pod in pods(rendered):
        spec = pod["spec"]
        of_pod = spec["securityContext"]
        assert of_pod["runAsNonRoot"] is True, name
        assert of_pod["runAsUser"] > 0, name
        assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), name
        for container in spec.get("initContainers", []) + spec["containers"]:
            of_container = container["securityContext"]
            assert of_container["allowPrivilegeEscalation"] is False, name
            assert of_container["readOnlyRootFilesystem"] is True, name
            assert of_container["capabilities"] == {"drop": ["ALL"]}, name
        for volume in spec["volumes"]:
            assert "hostPath" not in volume, name


def test_pods_are_bounded_and_of_a_fixed_version(rendered):
    for kind, name, pod in pods(rendered):
        if kind == "executor":
            continue  # Spark sets its image and its resources
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert container["resources"]["limits"].keys() == {"cpu", "memory"}, name
            tag = container["image"].rpartition(":")[2]
            assert tag, name
            assert tag != "latest", name
        for volume in pod["spec"]["volumes"]:
            if "emptyDir" in volume:
                assert "sizeLimit" in volume["emptyDir"], name


def test_what_runs_on_is_probed(rendered):
    for kind, name, pod in pods(rendered):
        if kind in RUNS_TO_ITS_END or kind == "executor" or name.endswith("-admin"):
            continue  # the pod of the administrator runs nothing by itself
        for container in pod["spec"]["containers"]:
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                assert probe in container, (name, probe)


def test_only_the_driver_speaks_to_the_api_server(rendered):
    speakers = {
        name for _, name, pod in pods(rendered) if pod["spec"]["automountServiceAccountToken"]
    }
    roles = [each for each in rendered if each["kind"] == "Role"]
    if roles:
        assert speakers == {"sv-sottovoce-consumer"}
        (rule,) = roles[0]["rules"]
        assert rule["resources"] == ["pods"]
    else:
        assert not speakers
    assert not [each for each in rendered if each["kind"].startswith("Cluster")]


def test_every_pod_is_behind_a_policy(rendered):
    policies = [each for each in rendered if each["kind"] == "NetworkPolicy"]
    everyone = [
        each
        for each in policies
        if "app.kubernetes.io/component" not in each["spec"]["podSelector"]["matchLabels"]
        and "matchExpressions" not in each["spec"]["podSelector"]
    ]
    (denying,) = everyone
    assert set(denying["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in denying["spec"]
    selector = denying["spec"]["podSelector"]["matchLabels"].items()
    for _, name, pod in pods(rendered):
        assert selector <= pod["metadata"]["labels"].items(), name


def test_no_secret_is_written_into_a_pod(rendered):
    for _, name, pod in pods(rendered):
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
            for each in container.get("env", []):
                secret = any(word in each["name"] for word in ("PASSWORD", "SECRET", "TOKEN"))
                if secret and not each["name"].endswith("_FILE"):
                    assert "valueFrom" in each, (name, each["name"])


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_budgets_for_disruption_find_their_pods(rendered, kind):
    labels = [pod["metadata"]["labels"] for found, _, pod in pods(rendered) if found == kind]
    budgets = [each for each in rendered if each["kind"] == "PodDisruptionBudget"]
    assert budgets
    every = [pod["metadata"]["labels"] for _, _, pod in pods(rendered)]
    for budget in budgets:
        wanted = budget["spec"]["selector"]["matchLabels"].items()
        assert any(wanted <= each.items() for each in every), budget["metadata"]["name"]
    assert labels
