"""Which releases hold: the log's order decides, and no slice ever spends more than its budget."""

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.privacy import (
    Allowance,
    Budget,
    Charge,
    ChargeRecord,
    Duplicate,
    Held,
    Ledger,
    Noise,
    Opening,
    Pot,
    PrivacyParameterError,
    Reason,
    Refused,
    ReleaseKey,
    ReleasePlan,
    epsilon_of,
)

LEDGER, OTHER = b"this", b"other"
OPENED = 1_000
SLICES = [500, 1_000, 2_000, 3_000]
BUDGETS = [
    Budget.of(1),
    Budget.of(1, reserve=Fraction(1, 4)),
    Budget.of(1, 1e-9),
    Budget.of(2, 1e-6, concentrated=0.5, reserve=Fraction(1, 2)),
]
CHARGES = [
    Charge.pure(0.25),
    Charge.pure(0.5),
    Charge.pure(0.02),
    Charge.pure(0.125, 3e-10),
    Charge.concentrated(0.001),
    Charge.concentrated(0.01),
    Charge.concentrated(0.004, 2e-7),
]

keys = st.builds(
    ReleaseKey,
    st.sampled_from(["live", "history"]),
    st.sets(st.sampled_from(SLICES), min_size=1, max_size=3).map(lambda s: tuple(sorted(s))),
    st.sampled_from(["genres", "tracks", "listeners"]),
    st.sampled_from(["", "a", "b", "c"]),
    st.none() | st.integers(0, 2),
)
ledgers = st.sampled_from([LEDGER] * 9 + [OTHER])
charge_records = st.builds(
    ChargeRecord,
    ledgers,
    keys,
    st.sampled_from(CHARGES),
    st.sampled_from(Pot),
    st.binary(max_size=2),
)
records = st.one_of(
    charge_records,
    charge_records,
    charge_records,
    st.builds(
        Allowance,
        ledgers,
        st.sampled_from(["live", "history"]),
        st.sampled_from([0, 1_000, 2_000, 4_000]),
        st.sampled_from(BUDGETS).map(ReleasePlan),
        st.integers(1, 8),
    ),
    st.builds(Opening, ledgers, st.sampled_from([OPENED, 2_000])),
)
logs = st.lists(records, max_size=40).map(lambda log: [*opened(), *log]) | st.lists(
    records, max_size=12
)


def opened(budget=BUDGETS[0], data_set="live", per_day=8):
    return [Opening(LEDGER, OPENED), Allowance(LEDGER, data_set, 0, ReleasePlan(budget), per_day)]


def release(charge, name="genres", slices=(1_000,), pot=Pot.STANDING, ledger=LEDGER, body=b""):
    return ChargeRecord(ledger, ReleaseKey("live", slices, name), charge, pot, body=body)


def spent(held):
    """What each slice was charged, added up from the records alone; a series pays once."""
    sums = defaultdict(list)
    for record in {record.key.series: record for record in reversed(held)}.values():
        for slice_ms in record.key.slices:
            sums[record.key.data_set, slice_ms].append((record.charge, record.pot))
    return sums


def check_budgets(ledger, held):
    for (data_set, slice_ms), charges in spent(held).items():
        account = ledger.account(data_set, slice_ms)
        budget = account.budget
        assert slice_ms >= ledger.opening.horizon(data_set)
        prices = sum(budget.price(charge) for charge, _ in charges)
        ad_hoc = sum(budget.price(charge) for charge, pot in charges if pot is Pot.RESERVE)
        assert prices + budget.overhead <= budget.epsilon
        assert ad_hoc <= budget.reserve
        assert sum(charge.delta for charge, _ in charges) <= budget.threshold_delta
        assert account.epsilon <= budget.epsilon
        assert account.delta <= budget.delta
        assert account.spent.rho == sum(charge.rho for charge, _ in charges)
        if budget.order is None:
            assert sum(charge.epsilon for charge, _ in charges) <= budget.epsilon
        elif all(budget.price(charge) == budget.order * charge.rho for charge, _ in charges):
            total = sum(charge.rho for charge, _ in charges)
            assert epsilon_of(total, budget.delta / 2) <= budget.epsilon


@settings(deadline=None, max_examples=300)
@given(logs)
def test_no_log_makes_a_slice_spend_more_than_its_budget(log):
    ledger = Ledger()
    held = []
    for record in log:
        foretold = ledger.judge(record)
        verdict = ledger.apply(record)
        assert verdict == foretold
        if isinstance(record, ChargeRecord) and isinstance(verdict, Held):
            held.append(record)
    assert len({record.key for record in held}) == len(held)
    assert len({record.key.series for record in held}) == len(ledger)
    check_budgets(ledger, held)


@settings(deadline=None)
@given(logs, st.data())
def test_replicas_agree_wherever_they_began_to_follow(log, data):
    whole = Ledger()
    verdicts = [whole.apply(record) for record in log]
    at = data.draw(st.integers(0, len(log)))
    late = Ledger(log[:at])
    assert [late.apply(record) for record in log[at:]] == verdicts[at:]
    assert list(late.accounts()) == list(whole.accounts())


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(BUDGETS),
    st.lists(st.tuples(st.integers(0, 2), charge_records, st.booleans()), max_size=60),
)
def test_racing_replicas_converge_on_one_draw_and_stay_within_the_budget(budget, steps):
    """Each replica writes what it finds to fit by what it has read, which may be long ago."""
    log = opened(budget)
    positions = [len(log)] * 3
    replicas = [Ledger(log) for _ in range(3)]
    for replica, wanted, reads_first in steps:
        ledger = replicas[replica]
        if reads_first:
            for record in log[positions[replica] :]:
                ledger.apply(record)
            positions[replica] = len(log)
        if isinstance(ledger.judge(wanted), Held):
            log.append(wanted)
    final = []
    for replica, ledger in enumerate(replicas):
        for record in log[positions[replica] :]:
            ledger.apply(record)
        final.append(
            {record.key: ledger.holds(record.key) and ledger.paid(record.key) for record in log[2:]}
        )
    assert final[0] == final[1] == final[2]
    check_budgets(replicas[0], [record for record in final[0].values() if record])


def test_the_first_of_a_key_holds_and_the_second_is_told_which():
    first, second = release(CHARGES[0], body=b"1"), release(CHARGES[0], body=b"2")
    ledger = Ledger(opened())
    assert ledger.apply(first) == Held(first)
    assert ledger.apply(second) == Duplicate(second.key)
    assert ledger.paid(second.key) is first
    assert ledger.account("live", 1_000).epsilon == Fraction(1, 4)


def draw_of(charge, number, noise=None):
    key = ReleaseKey("live", (1_000,), "genres", "step=1", number)
    return ChargeRecord(LEDGER, key, charge, noise=noise)


def test_a_series_pays_once_and_each_of_its_draws_is_made_once():
    ledger = Ledger(opened())
    for number in (7, 0, 63):
        assert isinstance(ledger.apply(draw_of(CHARGES[1], number)), Held)
        assert ledger.account("live", 1_000).epsilon == Fraction(1, 2)
    assert isinstance(ledger.apply(draw_of(CHARGES[1], 7)), Duplicate)
    assert [ledger.holds(draw_of(CHARGES[1], n).key) for n in (0, 1, 7, 63)] == [1, 0, 1, 1]


def test_a_series_goes_on_only_with_the_noise_that_it_was_charged_for():
    ledger = Ledger(opened())
    ledger.apply(draw_of(CHARGES[0], 0, Noise.laplace(0.25, 20)))
    for other in (
        draw_of(CHARGES[2], 1, Noise.laplace(0.25, 20)),
        draw_of(CHARGES[0], 1, Noise.laplace(0.25, 10)),
        replace(draw_of(CHARGES[0], 1, Noise.laplace(0.25, 20)), pot=Pot.RESERVE),
    ):
        assert ledger.apply(other) == Refused(Reason.OTHER_NOISE)
    at_once = replace(draw_of(CHARGES[0], 1), key=draw_of(CHARGES[0], 1).key.series)
    assert ledger.apply(at_once) == Refused(Reason.NOT_A_SERIES)


def test_a_key_that_was_refused_may_hold_later_for_less():
    ledger = Ledger(opened())
    assert isinstance(ledger.apply(release(Charge.pure(2))), Refused)
    assert isinstance(ledger.apply(release(Charge.pure(1))), Held)


def test_a_refusal_names_the_slice_the_need_and_what_is_left():
    ledger = Ledger([*opened(), release(Charge.pure(0.75), slices=(2_000,))])
    refused = ledger.apply(release(Charge.pure(0.5), "tracks", (1_000, 2_000, 3_000)))
    assert refused == Refused(Reason.SPENT, 2_000, Fraction(1, 2), Fraction(1, 4))
    assert ledger.account("live", 1_000).epsilon == 0  # one slice can't pay: none pays


def test_a_union_charges_each_of_its_slices():
    ledger = Ledger([*opened(), release(Charge.pure(0.5), slices=(1_000, 2_000))])
    assert [ledger.account("live", at).epsilon for at in (1_000, 2_000, 3_000)] == [0.5, 0.5, 0]


def test_ad_hoc_questions_drain_the_reserve_and_nothing_else():
    ledger = Ledger(opened(BUDGETS[1]))
    for number in range(20):
        ledger.apply(release(Charge.pure(0.125), f"question {number}", pot=Pot.RESERVE))
    assert len(ledger) == 2
    assert isinstance(ledger.apply(release(Charge.pure(0.75))), Held)
    assert ledger.account("live", 1_000).epsilon == 1
    assert (
        ledger.apply(release(Charge.pure(0.1, 1e-12), "delta", pot=Pot.RESERVE)).reason
        is Reason.RESERVE_DELTA
    )


@pytest.mark.parametrize(
    ("log", "record", "reason"),
    [
        ([], release(CHARGES[0]), Reason.NOT_OPENED),
        ([], Allowance(LEDGER, "live", 0, ReleasePlan(BUDGETS[0]), 8), Reason.NOT_OPENED),
        (opened(), Opening(OTHER, 0), Reason.OPENED_TWICE),
        (opened(), release(CHARGES[0], ledger=OTHER), Reason.OTHER_LEDGER),
        (opened(), release(CHARGES[0], slices=(999,)), Reason.TOO_OLD),
        (opened()[:1], release(CHARGES[0]), Reason.NO_ALLOWANCE),
        (opened(data_set="history"), release(CHARGES[0]), Reason.NO_ALLOWANCE),
        (opened(), release(CHARGES[4]), Reason.NOT_PURE),
        (opened(), release(CHARGES[3]), Reason.DELTA_SPENT),
        (opened(BUDGETS[2]), release(Charge.concentrated(1)), Reason.SPENT),
        (opened(), Allowance(LEDGER, "live", 0, ReleasePlan(BUDGETS[3]), 8), Reason.TOO_LATE),
        (
            [*opened(), release(CHARGES[0], slices=(3_000,))],
            Allowance(LEDGER, "live", 3_000, ReleasePlan(BUDGETS[3]), 8),
            Reason.TOO_LATE,
        ),
    ],
)
def test_what_does_not_hold_says_why(log, record, reason):
    ledger = Ledger(log)
    verdict = ledger.apply(record)
    assert isinstance(verdict, Refused)
    assert verdict.reason is reason


def test_a_remade_ledger_has_nothing_for_slices_that_may_have_spent():
    lost = Ledger([Opening(OTHER, 2_500), Allowance(OTHER, "live", 0, ReleasePlan(BUDGETS[0]), 8)])
    assert lost.account("live", 2_000) is None
    assert lost.apply(release(CHARGES[0], slices=(2_000,), ledger=OTHER)).reason is Reason.TOO_OLD
    assert lost.account("live", 3_000).budget == BUDGETS[0]


def test_a_data_set_of_old_slices_has_a_horizon_of_its_own():
    opening = Opening(LEDGER, OPENED, (("history", 100),))
    ledger = Ledger([opening, Allowance(LEDGER, "history", 0, ReleasePlan(BUDGETS[0]), 1)])
    assert ledger.account("history", 100) is not None
    assert ledger.account("history", 99) is None


def test_a_later_allowance_is_for_later_slices():
    ledger = Ledger([*opened(), Allowance(LEDGER, "live", 2_000, ReleasePlan(BUDGETS[3]), 8)])
    assert ledger.account("live", 1_999).budget == BUDGETS[0]
    assert ledger.account("live", 2_000).budget == BUDGETS[3]


@pytest.mark.parametrize("slices", [(), (2, 1), (1, 1)])
def test_a_key_reads_each_slice_once_ascending(slices):
    with pytest.raises(PrivacyParameterError):
        ReleaseKey("live", slices, "genres")
