"""Dashboards and alerts against a real Prometheus that scrapes the whole running system."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml
from tests.conftest import REPOSITORY, skip_or_fail

from sottovoce.client import Client
from sottovoce.local import ports
from sottovoce.local.settings import StackPorts, StackSettings
from sottovoce.local.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CHART = REPOSITORY / "helm" / "sottovoce"
DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))
ONLY_WHEN_IT_HAPPENS = {
    "sottovoce_access_refusals_total",
    "sottovoce_query_releases_refused_total",
}
"""Counters by a reason: there is none before the first refusal."""

SLOW_ON_A_BUSY_MACHINE = {"SottovoceCallsSlow", "SottovoceTransactionsSlow"}
"""Their expressions look at a few calls alone here; they wait for ten minutes before they alert."""


def scraping(at: StackPorts) -> str:
    targets = {
        "producer": at.producer_metrics,
        "consumer": at.consumer_metrics,
        "query": at.query_metrics,
    }
    jobs = [
        {
            "job_name": name,
            "static_configs": [
                {
                    "targets": [f"127.0.0.1:{port}"],
                    "labels": {"namespace": "music", "pod": f"{name}-0"},
                }
            ],
        }
        for name, port in targets.items()
    ]
    return yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs})


class Prometheus:
    """A real one, on this machine's loopback address."""

    def __init__(self, folder: Path, at: StackPorts):
        program = shutil.which("prometheus")
        if program is None:
            skip_or_fail("needs prometheus, which Debian's package of that name brings")
        config = folder / "prometheus.yaml"
        config.write_text(scraping(at))
        self._address = f"127.0.0.1:{ports.free_port()}"
        self._log = (folder / "prometheus.log").open("wb")
        command = [program, f"--config.file={config}", f"--web.listen-address={self._address}"]
        command += [f"--storage.tsdb.path={folder / 'data'}"]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)

    def ask(self, query: str) -> list[dict]:
        """Evaluate a query now."""
        parameters = urllib.parse.urlencode({"query": query})
        address = f"http://{self._address}/api/v1/query?{parameters}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)["data"]["result"]

    def stop(self):
        self._process.terminate()
        self._process.wait(20)
        self._log.close()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("monitoring")
    settings = StackSettings(folder / "stack", StackPorts.free(), dashboard=False, epsilon=4.0)
    with Stack(settings) as stack:
        running = Prometheus(folder, settings.ports)
        try:
            with Client(stack.query_address) as client:
                ask_until_a_slice_is_released(client, running)
            yield running
        finally:
            running.stop()


def ask_until_a_slice_is_released(client, running, seconds=150):
    """The first slice that has a budget began after the ledger did: it takes two of them."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        client.status()
        try:
            if running.ask("sottovoce_query_slice_plays"):
                return
        except OSError:
            pass  # it is starting
        time.sleep(0.5)
    pytest.fail(f"no slice was released within {seconds} s")


def panels():
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield pytest.param(target["expr"], id=f"{path.stem}: {panel['title']}")


@pytest.mark.parametrize("query", list(panels()))
def test_every_panel_shows_something(prometheus, query):
    asked = query.replace("$__rate_interval", "60s").replace("$namespace", ".*")
    values = [each["value"][1] for each in prometheus.ask(asked)]
    assert set(values) - {"NaN"}, asked


def rules():
    for group in yaml.safe_load((CHART / "rules" / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield pytest.param(rule["expr"], id=rule["alert"])


@pytest.mark.parametrize("expression", list(rules()))
def test_every_alert_looks_at_what_is_exported(prometheus, expression):
    names = set(re.findall(r"sottovoce_\w+", expression)) - ONLY_WHEN_IT_HAPPENS
    for name in names:
        assert prometheus.ask(name), name
    prometheus.ask(expression)  # it is understood, whether it is raised or not


def test_no_alert_is_raised_by_a_system_that_is_well(prometheus):
    raised = {
        rule.id: found
        for rule in rules()
        if rule.id not in SLOW_ON_A_BUSY_MACHINE and (found := prometheus.ask(rule.values[0]))
    }
    assert raised == {}
