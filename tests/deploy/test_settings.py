"""What the chart tells a service is a setting of it, with a value that it takes."""

from __future__ import annotations

import pytest
from pydantic_settings import BaseSettings
from tests.deploy.conftest import PRESETS, documents

from sottovoce_consumer.settings import ConsumerSettings
from sottovoce_dashboard.settings import DashboardSettings
from sottovoce_producer.settings import RunSettings
from sottovoce_query.settings import QuerySettings

SERVICES: dict[str, type[BaseSettings]] = {
    "producer": RunSettings,
    "consumer": ConsumerSettings,
    "query": QuerySettings,
    "dashboard": DashboardSettings,
}
PREFIX = "SOTTOVOCE_"
OUTSIDE = {"kafka_ca_file", "kafka_cert_file", "kafka_key_file"}
"""Files that a setting wants to see, and that are in a pod alone."""


def environments(rendered):
    """The plain and the referring variables of each service's container."""
    for each in rendered:
        if each["kind"] not in {"Deployment", "StatefulSet"}:
            continue
        (container,) = each["spec"]["template"]["spec"]["containers"]
        if container["name"] in SERVICES:
            yield container["name"], container["env"]


def test_every_variable_is_a_setting(rendered):
    found = dict(environments(rendered))
    assert set(found) == set(SERVICES)
    for service, variables in found.items():
        settings = SERVICES[service].model_fields
        names = [each["name"] for each in variables]
        assert len(set(names)) == len(names), service
        for name in names:
            if name.startswith(PREFIX):
                assert name.removeprefix(PREFIX).lower() in settings, (service, name)


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("service", sorted(SERVICES))
def test_the_services_take_these_values(helm4, preset, service, monkeypatch):
    variables = dict(environments(documents(helm4, *PRESETS[preset])))[service]
    for each in variables:
        setting = each["name"].removeprefix(PREFIX).lower()
        if setting in OUTSIDE:
            continue
        referred = "0" if "fieldRef" in each.get("valueFrom", {}) else "made-up"
        monkeypatch.setenv(each["name"], str(each.get("value", referred)))
    settings = SERVICES[service]()
    if service == "query":
        assert settings.privacy_mode == "enforced"
        settings.require_safe(settings.query_host, "query_host")
    if service == "producer":
        settings.require_safe(settings.rpc_host, "rpc_host")
