"""A plan that could be made fits into the ledger, whatever comes in whichever order."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.privacy import (
    Allowance,
    Charge,
    ChargeRecord,
    Held,
    Ledger,
    Mechanism,
    Opening,
    PlanError,
    Pot,
    Refused,
    ReleaseKey,
    ReleasePlan,
    Standing,
    threshold_delta,
    threshold_for,
)

GAUSSIAN = Mechanism.DISCRETE_GAUSSIAN
NANO = Fraction(1, 10**9)


def plan(*standing, epsilon=Fraction(1), delta=NANO, reserve=Fraction(1, 4)):
    return ReleasePlan.of(epsilon, delta, standing, reserve)


GENRES = Standing("genres", Fraction(1, 4))
TRACKS = Standing("tracks", Fraction(1, 4), delta_share=Fraction(1))
BY_LISTENERS = Standing("tracks by listeners", Fraction(1, 4), GAUSSIAN)


def opened(made):
    return Ledger([Opening(b"x", 0), Allowance(b"x", "live", 0, made, 8)])


def release(charge, name, pot=Pot.STANDING):
    return ChargeRecord(b"x", ReleaseKey("live", (0,), name), charge, pot)


@settings(deadline=None, max_examples=40)
@given(
    st.fractions(Fraction(1, 100), 10),
    st.sampled_from([NANO, Fraction(1, 10**6)]),
    st.lists(
        st.tuples(
            st.integers(1, 50), st.integers(1, 300), st.sampled_from(Mechanism), st.integers(0, 5)
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 50),
    st.randoms(use_true_random=False),
)
def test_every_plan_fits_to_the_last_release_and_nothing_more(
    epsilon, delta, parts, reserve, random
):
    whole = sum(share for share, *_ in parts) + reserve
    small = max(1, sum(delta_share for *_, delta_share in parts))
    standing = tuple(
        Standing(f"{i}", Fraction(share, whole), kind, Fraction(delta_share, small))
        for i, (share, _, kind, delta_share) in enumerate(parts)
    )
    made = plan(*standing, epsilon=epsilon, delta=delta, reserve=Fraction(reserve, whole))
    bounds = {f"{i}": bound for i, (_, bound, *_) in enumerate(parts)}
    charges = {name: made.charge(name, bound) for name, bound in bounds.items()}
    records = [release(charge, name) for name, charge in charges.items()]
    if reserve:
        records.append(release(Charge.pure(made.budget.reserve / 2), "question", Pot.RESERVE))
    random.shuffle(records)
    figures = (made.budget.epsilon, made.budget.delta, made.budget.order or 0, made.budget.reserve)
    assert all(Fraction(float(figure)) == figure for figure in figures)  # as they go on the wire
    ledger = opened(made)
    assert all(isinstance(ledger.apply(record), Held) for record in records)
    assert ledger.account("live", 0).epsilon <= epsilon
    assert isinstance(ledger.apply(release(Charge.pure(epsilon), "one more")), Refused)
    laplace = [charges[each.statistic] for each in standing if each.mechanism is not GAUSSIAN]
    if all(made.budget.price(charge) == charge.epsilon for charge in laplace):
        assert ledger.account("live", 0).left(Pot.STANDING) <= epsilon / 10**9


def test_each_release_gets_its_share():
    made = plan(GENRES, TRACKS, BY_LISTENERS)
    assert made.noise("genres", 20).scale == 80.0
    assert made.charge("tracks", 20).delta <= NANO / 2
    assert made.budget.reserve == Fraction(1, 4)
    gaussian = made.charge("tracks by listeners", 20)
    paid = made.budget.price(gaussian) + made.budget.overhead
    assert float(paid) == pytest.approx(0.25, rel=1e-9)
    noise = made.noise("tracks", 20)
    threshold = threshold_for(noise, made.threshold_delta("tracks"))
    assert threshold_delta(noise, threshold) <= made.charge("tracks", 20).delta


def test_a_plan_of_laplace_alone_needs_no_delta():
    made = plan(GENRES, delta=Fraction(0))
    assert made.budget.order is None
    assert made.charge("genres", 20) == Charge.pure(Fraction(1, 4))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: plan(GENRES, GENRES), "more than once"),
        (lambda: plan(GENRES, reserve=Fraction(4, 5)), "1.05"),
        (lambda: plan(GENRES, reserve=Fraction(-1)), "not negative"),
        (lambda: plan(Standing("none", Fraction(0))), "none"),
        (lambda: plan(TRACKS, delta=Fraction(0)), "delta above 0"),
        (lambda: plan(BY_LISTENERS, delta=Fraction(0)), "delta above 0"),
        (lambda: plan(TRACKS, Standing("b", Fraction(1, 9), delta_share=Fraction(1))), "delta"),
        (lambda: plan(GENRES).noise("artists", 20), "it has genres"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(make, says):
    with pytest.raises(PlanError, match=says):
        make()
