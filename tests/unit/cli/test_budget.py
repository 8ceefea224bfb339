"""`sottovoce budget` on a client without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.unit.client.fake import FakeTransport
from typer.testing import CliRunner

from sottovoce.cli import budget as command
from sottovoce.cli.program import program
from sottovoce.client import Client, NotAllowed, NotComplete
from sottovoce.wire.v1 import query_pb2

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def stamp(message, name, time=NOON):
    getattr(message, name).FromDatetime(time)
    return message


def budget():
    message = stamp(query_pb2.GetBudgetResponse(ledger="ab" * 16), "opened_at")
    live = stamp(message.data_sets.add(data_set="live"), "from_slice")
    live.plan.MergeFrom(
        query_pb2.BudgetPlan(
            epsilon=2,
            delta=1e-9,
            reserve=0.5,
            question=0.0625,
            slices_per_day=8,
            listens_per_slice=20,
        )
    )
    live.plan.standing.add(
        statistic="genres", share=0.75, mechanism="discrete-laplace", scale=13.25
    )
    stamp(live.slices.add(allowed=2, spent=1.5, reserve_left=0.375), "start")
    message.data_sets.add(data_set="history")
    for worst, epsilon in ((message.worst_day, 3.5), (message.worst_month, 40.25)):
        stamp(worst, "first_day").epsilon = epsilon
        worst.delta, worst.allowed, worst.days = 1e-9, 480, 1
    message.worst_month.days = 30
    return message


def charges():
    genres = query_pb2.ListChargesResponse(
        data_set="live", slices=1, statistic="genres", pot="standing", epsilon=0.75,
        rho=0.28125, mechanism="discrete-laplace", scale=13.25, sensitivity=20,
    )  # fmt: skip
    union = query_pb2.ListChargesResponse(data_set="live", slices=3, statistic="listeners", rho=0.5)
    return [stamp(stamp(each, "made_at"), "first_slice") for each in (genres, union)]


@pytest.fixture
def transport():
    return FakeTransport(GetBudget=budget(), ListCharges=charges())


@pytest.fixture
def run(monkeypatch, transport):
    monkeypatch.setattr(command, "connect", lambda _: Client(transport=transport))
    return lambda *arguments: CliRunner().invoke(program, ["budget", *arguments])


def test_the_plan_the_slices_and_the_worst_day_and_month_are_shown(run, transport):
    text = run("show", "--data-set", "live", "--last", "3").output
    assert (transport.asked[0][1].data_set, transport.asked[0][1].size) == ("live", 3)
    for wanted in (
        "epsilon 2 and delta 1e-09 each",
        "at most 8 slices of a day",
        "75.0 %",
        "13.25",
        "(reserve for questions)",
        "25.0 %",
        "2026-05-01T12:00:00Z",
        "0.375",
        "history: no slice has a budget yet.",
        "The worst day of any listener, all data sets together, from 2026-05-01: epsilon 3.5",
        "The worst 30 days of any listener",
        "40.25",
    ):
        assert wanted in text


def test_json_has_it_all_and_tells_nothing_from_zero(run):
    told = json.loads(run("show", "--format", "json").output)
    live, history = told["data_sets"]
    assert live["plan"]["standing"][0]["share"] == 0.75
    assert live["slices"][0]["spent"] == 1.5
    assert history["plan"] is None
    assert told["worst_month"]["days"] == 30


def test_nothing_spent_is_said_so(run, transport):
    transport.responses["GetBudget"] = query_pb2.GetBudgetResponse(ledger="ab")
    assert "The worst day of any listener: nothing was spent." in run("show").output


def test_every_charge_is_a_line_of_json(run):
    lines = [json.loads(line) for line in run("export").output.splitlines()]
    assert [each["statistic"] for each in lines] == ["genres", "listeners"]
    assert lines[0]["sensitivity"] == 20
    assert [each["epsilon"] for each in lines] == [0.75, None]
    assert lines[1]["slices"] == 3


def test_charges_can_be_a_table(run):
    text = run("export", "--format", "table").output
    assert "genres" in text
    assert "0.2812" in text


@pytest.mark.parametrize(
    "error",
    [
        NotComplete("the privacy mode is personal: nothing is charged", reason="NO_LEDGER"),
        NotAllowed("only operators see budgets"),
    ],
)
def test_a_service_that_tells_no_budget_is_one_sentence(run, transport, error):
    transport.responses["GetBudget"] = error
    result = run("show")
    assert result.exit_code == 1
    assert result.stderr == f"error: {error}\n"


def test_a_number_of_slices_that_makes_no_sense_is_refused(run):
    assert run("show", "--last", "0").exit_code == 2
