"""Both logs, read in whatever order, come to the same releases."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.ledger import Body, LedgerView, TornLedgerError
from sottovoce.ledger.codec import charge_of, encode_body, encode_record
from sottovoce.privacy import (
    Allowance,
    ChargeRecord,
    Duplicate,
    Held,
    Noise,
    Opening,
    ReleaseKey,
    ReleasePlan,
    Standing,
)

LEDGER = b"l" * 16
NOISE = Noise.laplace(Fraction(1, 4), 20)
PLAN = ReleasePlan.of(1, 1e-9, [Standing("genres", Fraction(1, 2))], 0)
OPENED = [Opening(LEDGER, 0), Allowance(LEDGER, "live", 0, PLAN, 8)]


def charge(number, slice_ms=0, noise=NOISE):
    key = ReleaseKey("live", (slice_ms,), "genres", "", number)
    name = bytes([number, slice_ms % 251]) * 8
    return ChargeRecord(LEDGER, key, charge_of(noise), noise=noise, body=name)


def parts_of(record, value=1, ledger=LEDGER):
    content = Body("genres", values=np.array([value], np.int64)).to_bytes()
    return list(encode_body(ledger, record.body, content))


class Seen(LedgerView):
    def __init__(self):
        self.releases, self.withdrawn = [], []
        super().__init__(self.see, self.withdrawn.append)

    def see(self, record, content):
        self.releases.append((record.key, int(Body.from_bytes(content).values[0])))


def read(charges, parts, order):
    view = Seen()
    queues = [list(charges), list(parts)]
    for which in [*order, *[0] * len(charges), *[1] * len(parts)]:
        if queues[which]:
            if which == 0:
                view.apply_charge(encode_record(queues[0].pop(0)))
            else:
                view.apply_part(*queues[1].pop(0))
    return view


@given(st.lists(st.integers(0, 1), max_size=30))
def test_the_order_in_which_the_two_logs_are_read_does_not_matter(order):
    first, rival, other = charge(0), charge(0), charge(1)
    rival = ChargeRecord(LEDGER, rival.key, rival.charge, noise=NOISE, body=b"r" * 16)
    parts = [*parts_of(rival, 9), *parts_of(first, 1), *parts_of(other, 2)]
    view = read([*OPENED, first, rival, other], parts, order)
    assert sorted(view.releases, key=lambda each: each[1]) == [(first.key, 1), (other.key, 2)]
    assert view.verdicts[rival.body] == Duplicate(rival.key)
    assert isinstance(view.verdicts[first.body], Held)
    assert view.bodies_missing == 0
    view.require_whole()


def test_a_release_whose_charge_is_gone_shows_that_the_ledger_is_torn():
    kept, lost = charge(0), charge(1)
    view = read([*OPENED, kept], [*parts_of(kept), *parts_of(lost)], [])
    with pytest.raises(TornLedgerError, match="1 releases stand whose charges are gone"):
        view.require_whole()


def test_releases_of_an_earlier_ledger_are_nothing_to_this_one():
    lost = charge(1)
    view = read(OPENED, parts_of(lost, ledger=b"e" * 16), [1, 0, 0])
    view.require_whole()
    assert view.releases == []


def test_a_body_that_comes_again_is_not_a_second_release():
    record = charge(0)
    view = read([*OPENED, record], [*parts_of(record, 5), *parts_of(record, 6)], [])
    assert view.releases == [(record.key, 5)]


def test_real_rows_may_be_taken_back_and_are_not_waited_for():
    rows = charge(0, noise=None)
    view = read([*OPENED, rows], [(parts_of(rows)[0][0], None)], [])
    assert view.withdrawn == [rows.body]
    assert view.bodies_missing == 0
    assert view.releases == []
