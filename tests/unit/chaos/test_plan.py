"""A plan is its seed's, and hits whom it can."""

import itertools
from collections import Counter

from chaos.plan import KINDS, LASTING, make_plan


def test_a_seed_makes_the_same_plan_again():
    assert make_plan(7, 200) == make_plan(7, 200)
    assert make_plan(7, 200) != make_plan(8, 200)
    assert make_plan(7, 50) == make_plan(7, 200)[:50]


def test_every_process_is_hit_in_every_way():
    plan = make_plan(1, 500)
    assert {fault.kind for fault in plan} == set(KINDS)
    targets = Counter(fault.target for fault in plan)
    assert set(targets) == {"broker", "producer", "importer", "consumer", "query-1", "query-2"}
    assert min(targets.values()) >= 20


def test_what_is_left_out_is_not_done():
    plan = make_plan(1, 300, ["kill", "cut"])
    assert {fault.kind for fault in plan} == {"kill", "cut"}
    assert {fault.target for fault in make_plan(1, 50, ["disk"])} == {"broker", "consumer"}


def test_only_what_lasts_takes_time_and_nobody_is_hit_twice_in_a_row():
    plan = make_plan(3, 300)
    assert all((fault.lasts > 0) == (fault.kind in LASTING) for fault in plan)
    assert all(one.target != next_.target for one, next_ in itertools.pairwise(plan))
