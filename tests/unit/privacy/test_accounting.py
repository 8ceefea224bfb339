"""Charges add up, budgets convert, and no rounding ever favours the spender."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.privacy import NOTHING, Budget, Charge, PrivacyParameterError, epsilon_of, rho_within
from sottovoce.privacy.accounting import best_order, overhead
from sottovoce.privacy.exact import (
    exp_above,
    exp_below,
    float_above,
    float_below,
    log_above,
    root_above,
)

EPSILONS = st.floats(1e-3, 20.0)
DELTAS = st.floats(1e-15, 0.1)
CHARGES = st.one_of(
    st.builds(Charge.pure, EPSILONS, st.floats(0.0, 1e-6)),
    st.builds(Charge.concentrated, st.floats(0.0, 4.0), st.floats(0.0, 1e-6)),
)


@given(CHARGES, CHARGES, CHARGES)
def test_adding_charges_knows_no_order_and_nothing_adds_nothing(one, two, three):
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert one + NOTHING == one


@given(CHARGES, CHARGES)
def test_a_sum_is_pure_only_if_both_are_and_never_less_than_either(one, two):
    both = one + two
    assert (both.epsilon is None) == (one.epsilon is None or two.epsilon is None)
    assert both.rho >= max(one.rho, two.rho)
    assert both.delta >= max(one.delta, two.delta)


@given(st.fractions(Fraction(1, 10**6), 50))
def test_a_pure_charge_is_no_less_than_its_mechanism_and_is_made_of_doubles(epsilon):
    charge = Charge.pure(epsilon)
    assert charge.epsilon >= epsilon
    assert charge.rho >= epsilon**2 / 2
    for figure in (charge.epsilon, charge.rho):
        assert Fraction(float(figure)) == figure


@given(st.fractions(Fraction(1, 10**9), 10**9))
def test_directed_rounding_goes_the_way_it_says(value):
    assert Fraction(float_below(value)) <= value <= Fraction(float_above(value))
    assert Fraction(root_above(value)) ** 2 >= value
    assert root_above(value) == pytest.approx(math.sqrt(value))
    assert float(log_above(value)) == pytest.approx(math.log(value), abs=1e-14)


@given(st.fractions(-40, 40))
def test_exponentials_enclose(value):
    assert exp_below(value) < exp_above(value)
    assert float(exp_above(value)) == pytest.approx(math.exp(value))
    assert log_above(exp_above(value)) >= value


@settings(deadline=None)
@given(st.floats(1e-6, 30.0), DELTAS, st.floats(1.01, 1e4))
def test_the_conversion_is_the_best_of_all_orders(rho, delta, order):
    best = epsilon_of(rho, delta)
    other = Fraction(order) * Fraction(rho) + overhead(Fraction(order), Fraction(delta))
    assert float(best) <= max(0.0, float(other)) + 1e-9


@settings(deadline=None)
@given(st.floats(1e-6, 30.0), DELTAS)
def test_the_conversion_is_between_gaussian_truth_and_the_classic_bound(rho, delta):
    best = float(epsilon_of(rho, delta))
    assert best <= rho + 2 * math.sqrt(rho * math.log(1 / delta)) + 1e-9
    # The Gaussian mechanism with this rho is (best, delta')-DP for no delta' above delta.
    shift = math.sqrt(2 * rho)

    def tail(x):
        return 0.5 * math.erfc(x / math.sqrt(2))

    true_delta = tail(best / shift - shift / 2) - math.exp(best) * tail(best / shift + shift / 2)
    assert true_delta <= delta * (1 + 1e-6)


@settings(deadline=None)
@given(EPSILONS, DELTAS)
def test_the_rho_within_a_budget_converts_back_to_it(epsilon, delta):
    rho = rho_within(epsilon, delta)
    assert float(epsilon_of(rho, delta)) <= epsilon * (1 + 1e-12) + 1e-12
    assert float(epsilon_of(float(rho) * 1.001 + 1e-12, delta)) >= epsilon * (1 - 1e-6)


def test_the_conversion_agrees_with_figures_worked_out_by_hand():
    # alpha = 21, rho = .01, delta = 1e-6: .21 + ln(1 / 2.1e-5) / 20 + ln(20 / 21)
    by_hand = 0.21 + math.log(1 / 2.1e-5) / 20 + math.log(20 / 21)
    assert float(Fraction("0.21") + overhead(Fraction(21), Fraction(1, 10**6))) == pytest.approx(
        by_hand, rel=1e-12
    )
    assert float(epsilon_of(Fraction(0), Fraction(1, 2))) == 0.0


@settings(deadline=None)
@given(EPSILONS, DELTAS)
def test_a_wholly_concentrated_budget_is_the_zcdp_rule(epsilon, delta):
    budget = Budget.of(epsilon, delta)
    assert budget.rho <= rho_within(epsilon, delta / 2)
    if budget.overhead > 0:  # it is 0 only at a delta as large as epsilon
        assert float(budget.rho) == pytest.approx(float(rho_within(epsilon, delta / 2)), rel=1e-12)
    assert budget.price(Charge.concentrated(budget.rho)) <= budget.standing


def test_a_budget_without_delta_adds_epsilons_and_takes_no_gaussian():
    budget = Budget.of(1)
    assert (budget.overhead, budget.rho, budget.standing) == (0, 0, 1)
    assert budget.price(Charge.pure(0.25)) == Fraction(1, 4)
    assert budget.price(Charge.concentrated(1e-9)) is None


@settings(deadline=None)
@given(EPSILONS, DELTAS, st.floats(0.05, 1.0), CHARGES)
def test_a_price_is_never_more_than_either_way_of_counting(epsilon, delta, part, charge):
    budget = Budget.of(epsilon, delta, concentrated=part)
    price = budget.price(charge)
    assert budget.overhead >= 0
    assert price <= budget.order * charge.rho
    if charge.epsilon is not None:
        assert price <= charge.epsilon


def test_few_pure_releases_fit_where_zcdp_alone_would_refuse_them():
    budget = Budget.of(1, 1e-9, concentrated=0.25)
    four = [Charge.pure(Fraction(1, 8))] * 4
    assert sum(charge.rho for charge in four) > rho_within(1, 5e-10)
    assert sum(budget.price(charge) for charge in four) <= budget.standing


@pytest.mark.parametrize(
    "make",
    [
        lambda: Charge(Fraction(-1)),
        lambda: Charge(Fraction(1), Fraction(1)),
        lambda: Charge.pure(float("nan")),
        lambda: Charge.concentrated(float("inf")),
        lambda: Budget.of(0),
        lambda: Budget.of(-1, 1e-9),
        lambda: Budget.of(1, 1),
        lambda: Budget.of(1, 1e-9, reserve=0.9),
        lambda: Budget.of(1, reserve=1.5),
        lambda: Budget(Fraction(1), order=Fraction(20)),
        lambda: Budget(Fraction(1), Fraction(1, 100), order=Fraction(1)),
        lambda: epsilon_of(-1, 1e-9),
        lambda: epsilon_of(1, 0),
        lambda: overhead(Fraction(1), Fraction(1, 2)),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(PrivacyParameterError):
        make()


def test_the_best_order_lies_at_a_maximum():
    order = best_order(1, 1e-9)
    room = [
        (1 - overhead(order * shift, Fraction(1, 10**9))) / (order * shift)
        for shift in (Fraction(9, 10), Fraction(1), Fraction(11, 10))
    ]
    assert room[1] == max(room)


def test_a_charge_says_what_it_is():
    assert str(Charge.pure(0.5)) == "epsilon 0.5, rho 0.125, delta 0"
    assert str(Charge.concentrated(0.5, 1e-9)) == "rho 0.5, delta 1e-09"
