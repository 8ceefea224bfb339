"""Every alert is raised by what it is for, and by nothing near it; each has its runbook."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml
from tests.conftest import REPOSITORY
from tests.deploy.alerts import CASES
from tests.deploy.conftest import CHART, documents

RULES = CHART / "rules" / "alerts.yaml"


def alerts():
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def as_test(name, series, at, expected):
    return {
        "interval": "1m",
        "input_series": [{"series": key, "values": value} for key, value in series.items()],
        "alert_rule_test": [{"eval_time": at, "alertname": name, "exp_alerts": expected}],
    }


def test_the_rules_are_well_formed(promtool):
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_and_only_those():
    assert sorted(CASES) == sorted(each["alert"] for each in alerts())


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_alert_is_raised_by_what_it_is_for(promtool, tmp_path, name):
    case = CASES[name]
    (rule,) = [each for each in alerts() if each["alert"] == name]
    # What is expected of the summary is the summary: its words are not what is tested.
    rules = tmp_path / "rules.yaml"
    bare = {key: value for key, value in rule.items() if key != "annotations"}
    rules.write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [bare]}]}))
    expected = [{"exp_labels": {**case.labels, "severity": case.severity}}]
    tests = tmp_path / "tests.yaml"
    tests.write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(rules)],
                "evaluation_interval": "1m",
                "tests": [
                    as_test(name, case.raising, case.at, expected),
                    as_test(name, case.quiet, case.at, []),
                ],
            }
        )
    )
    done = run(promtool, "test", "rules", str(tests))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_runbook_is_a_heading_of_the_operators_page(helm4):
    (rule,) = [
        each
        for each in documents(helm4, "--set", "monitoring.rules=true")
        if each["kind"] == "PrometheusRule"
    ]
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    headings = {each.lower() for each in re.findall(r"^#+ (Sottovoce\w+)$", page, re.MULTILINE)}
    found = [each for group in rule["spec"]["groups"] for each in group["rules"]]
    assert {each["alert"] for each in found} == set(CASES)
    for each in found:
        address = each["annotations"]["runbook_url"]
        assert address == f"docs/operations.md#{each['alert'].lower()}"
        assert each["alert"].lower() in headings
