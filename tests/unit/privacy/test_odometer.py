"""What a listener's worst day and month come to."""

from fractions import Fraction

import pytest

from sottovoce.privacy import (
    MONTH_DAYS,
    Allowance,
    Budget,
    Charge,
    ChargeRecord,
    Ledger,
    Opening,
    PrivacyParameterError,
    ReleaseKey,
    ReleasePlan,
    epsilon_of,
    read_odometer,
)

DAY = 86_400_000
HOUR = 3_600_000
DELTA = Fraction(1, 10**9)


ONE = Budget.of(1)


def ledger(*charged, live=ONE, history=ONE):
    log = [
        Opening(b"x", 0),
        Allowance(b"x", "live", 0, ReleasePlan(live), 2),
        Allowance(b"x", "history", 0, ReleasePlan(history), 1),
    ]
    for number, (data_set, slice_ms, charge) in enumerate(charged):
        key = ReleaseKey(data_set, (slice_ms,), f"release {number}")
        log.append(ChargeRecord(b"x", key, charge))
    return Ledger(log)


def pure(epsilon):
    return Charge.pure(Fraction(epsilon))


def test_nothing_spent_is_nothing_given_away():
    reading = read_odometer(ledger(), 1, DELTA)
    assert (reading.first_day, reading.epsilon, reading.delta, reading.allowed) == (None, 0, 0, 0)


def test_a_day_is_its_worst_slices_and_data_sets_are_added():
    reading = read_odometer(
        ledger(
            ("live", DAY, pure("0.125")),
            ("live", DAY + HOUR, pure("0.5")),
            ("live", DAY + 2 * HOUR, pure("0.25")),
            ("history", DAY, pure("0.5")),
            ("live", 2 * DAY, pure("0.25")),
        ),
        1,
        DELTA,
    )
    assert (reading.first_day, reading.epsilon) == (1, Fraction("1.25"))
    assert reading.delta == 0
    assert reading.allowed == 3  # two slices of live and one of history


def test_a_month_is_the_worst_thirty_days_in_a_row():
    charged = [("live", day * DAY, pure("0.5")) for day in (0, 29, 30, 45)]
    reading = read_odometer(ledger(*charged), MONTH_DAYS, DELTA)
    assert (reading.first_day, reading.days) == (29, 30)
    assert reading.epsilon == Fraction("1.5")


def test_over_many_slices_concentrated_composition_gives_the_smaller_figure():
    charged = [("live", day * DAY, pure("0.125")) for day in range(200)]
    reading = read_odometer(ledger(*charged), 200, DELTA)
    rho = 200 * Fraction(1, 128)
    assert reading.rho == rho
    assert reading.epsilon == epsilon_of(rho, DELTA)
    assert reading.epsilon < 200 * Fraction(1, 8)
    assert reading.delta == DELTA


def test_deltas_of_thresholds_are_kept_in_either_composition():
    some = Fraction(1, 10**12)
    budget = Budget.of(1, 1e-9)
    few = ledger(("live", 0, Charge.pure(Fraction(1, 8), some)), live=budget)
    assert read_odometer(few, 1, DELTA).delta == some
    many = [("live", day * DAY, Charge.concentrated(1e-4, some)) for day in range(30)]
    reading = read_odometer(ledger(*many, live=budget), 30, DELTA)
    assert reading.delta == DELTA + 30 * some


def test_it_never_reads_more_than_is_allowed():
    charged = [
        ("live", day * DAY + hour * HOUR, pure("0.5"))
        for day in range(3)
        for hour in range(3)
        for _ in range(3)
    ]
    reading = read_odometer(ledger(*charged), 1, DELTA)
    assert reading.epsilon == reading.allowed == 2


@pytest.mark.parametrize(("days", "delta"), [(0, DELTA), (1, Fraction(0)), (1, Fraction(1))])
def test_what_makes_no_sense_is_refused(days, delta):
    with pytest.raises(PrivacyParameterError):
        read_odometer(ledger(), days, delta)
