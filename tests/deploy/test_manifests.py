"""What the chart renders is valid: by Kubernetes' own schemas, and by those of the operators."""

from __future__ import annotations

import subprocess

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator
from tests.deploy.conftest import CHART, KUBERNETES, PRESETS, documents, template

OF_OPERATORS = ("kafka.strimzi.io/v1", "monitoring.coreos.com/v1")


@pytest.mark.parametrize("preset", sorted(PRESETS.keys() - {"production"}))
def test_lint_has_nothing_to_say(helm, preset):
    # `lint` can't be told that a cluster knows Strimzi, and without it production fails.
    options = PRESETS[preset]
    done = subprocess.run(
        [helm, "lint", "--strict", str(CHART), "--kube-version", KUBERNETES, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_both_helms_render_every_preset(helm, preset):
    done = template(helm, *PRESETS[preset])
    assert done.returncode == 0, done.stderr


def test_manifests_are_valid(rendered):
    for each in rendered:
        if each["apiVersion"] in OF_OPERATORS:
            continue
        kubernetes_validate.validate(each, "1.34", strict=True)


def test_names_are_unique(rendered):
    names = [(each["kind"], each["metadata"]["name"]) for each in rendered]
    assert len(set(names)) == len(names)


def closed(schema):
    """A schema that allows no field that it does not name, as the API server prunes them."""
    if isinstance(schema, dict):
        told = {name: closed(each) for name, each in schema.items()}
        if "properties" in told and not told.get("x-kubernetes-preserve-unknown-fields"):
            told.setdefault("additionalProperties", False)
        if told.pop("x-kubernetes-int-or-string", False):
            told.pop("type", None)
        if told.get("nullable") and "type" in told:
            told["type"] = [told["type"], "null"]
        return told
    return [closed(each) for each in schema] if isinstance(schema, list) else schema


@pytest.fixture(scope="session")
def schemas(crds):
    found = {}
    for path in sorted(crds.glob("*/*.yaml")):
        for each in yaml.safe_load_all(path.read_text()):
            spec = each["spec"]
            for version in spec["versions"]:
                schema = dict(closed(version["schema"]["openAPIV3Schema"]))
                schema["properties"] = {**schema["properties"], "metadata": {"type": "object"}}
                api = f"{spec['group']}/{version['name']}"
                found[api, spec["names"]["kind"]] = Draft202012Validator(schema)
    return found


def test_custom_resources_are_valid(helm4, schemas):
    options = ("--set", "monitoring.podMonitors=true", "--set", "monitoring.rules=true")
    ours = [
        each
        for each in documents(helm4, *PRESETS["production"], *options)
        if each["apiVersion"] in OF_OPERATORS
    ]
    assert {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"} <= {each["kind"] for each in ours}
    for each in ours:
        schemas[each["apiVersion"], each["kind"]].validate(each)
