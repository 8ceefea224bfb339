from tests.unit.dashboard.made_up import MINUTE, NOON, plan, slice_budget

from sottovoce_dashboard import budget_tables


def test_the_parts_of_a_slice_lie_on_each_other_and_are_the_whole():
    rows = budget_tables.by_slice([slice_budget(0)], MINUTE).to_pylist()
    assert [each["part"] for each in rows] == list(budget_tables.PARTS)
    assert [each["low"] for each in rows] == [0.0, 0.75, 0.8125, 0.9375]
    assert [each["high"] for each in rows] == [0.75, 0.8125, 0.9375, 1.0]
    assert rows[0]["figure"] == "0.75 of 1"


def test_each_slice_has_its_place_in_time():
    rows = budget_tables.by_slice([slice_budget(1), slice_budget(0)], MINUTE).to_pylist()
    starts = {each["start"] for each in rows}
    assert starts == {1000 * (NOON + place * MINUTE).timestamp() for place in (0, 1)}
    assert all(each["end"] - each["start"] == 60_000 for each in rows)


def test_a_slice_that_spent_more_than_was_foreseen_has_nothing_set_aside():
    rows = budget_tables.by_slice([slice_budget(0, spent=0.9)], MINUTE).to_pylist()
    assert rows[-1]["low"] == rows[-1]["high"]


def test_a_plan_lists_the_largest_share_first_and_the_reserve_last():
    rows = budget_tables.plan(plan()).to_pylist()
    assert [each["Share (%)"] for each in rows] == [50.0, 25.0, 12.5, 12.5]
    assert [each["Epsilon"] for each in rows] == [1.0, 0.5, 0.25, 0.25]
    assert rows[0]["Released"] == "Plays by genre, every pane"
    assert rows[-1]["Released"].startswith("Reserve")
    assert rows[-1]["Noise scale"] is None


def test_noise_is_told_as_how_far_a_figure_is_off():
    within = {
        each["Released"]: each["95 % within ±"] for each in budget_tables.plan(plan()).to_pylist()
    }
    assert within["Plays by genre, every pane"] == "120"
    assert within["Listeners by track, a slice"] == "20"
    assert within["Audio features' correlation, a slice"] == ""
