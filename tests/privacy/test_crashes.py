"""Kill -9 between charge and answer: at every step both stand or neither does."""

import pytest
from tests.privacy.made_up_gate import small_world

from sottovoce.ledger import TornLedgerError
from sottovoce.ledger.codec import encode_body, encode_record
from sottovoce_query.gate import Series
from sottovoce_query.releases import desk


class KilledError(Exception):
    """The process is gone."""


def killed(*_):
    raise KilledError


def at_judging(replica, monkeypatch):
    monkeypatch.setattr(replica.ledger, "judge", killed)


def at_the_third_draw(replica, monkeypatch):
    draw, drawn = desk.draw, []

    def die(*wanted):
        drawn.append(wanted)
        return draw(*wanted) if len(drawn) < 3 else killed()

    monkeypatch.setattr(desk, "draw", die)


def before_the_write(replica, monkeypatch):
    monkeypatch.setattr(replica.log, "before_write", killed)


def before_the_read_back(replica, monkeypatch):
    monkeypatch.setattr(replica.log._view, "apply_charge", killed)


def before_the_answer(replica, monkeypatch):
    monkeypatch.setattr(replica.releasing.engine._observer, "drawn", killed)


STEPS = [at_judging, at_the_third_draw, before_the_write, before_the_read_back, before_the_answer]
WRITTEN = {before_the_read_back, before_the_answer}


def ask(replica, world):
    return [
        replica.gate.series(world.range(0, 1), Series("all"), "step").counts.tolist(),
        replica.gate.distinct_listeners(world.range(0, 2)),
    ]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_killed_at_any_step_both_stand_or_neither(step, monkeypatch):
    world = small_world()
    dying = world.replica()
    before = len(world.shared.records)
    with monkeypatch.context() as patch:
        step(dying, patch)
        with pytest.raises(KilledError):
            ask(dying, world)
    assert (len(world.shared.records) > before) is (step in WRITTEN)
    reborn = world.replica()
    assert reborn.log._view.bodies_missing == 0
    answers = ask(reborn, world)
    assert ask(world.replica(), world) == answers
    alone = small_world()
    ask(quiet := alone.replica(), alone)
    for start in world.starts:
        assert reborn.ledger.account("live", start) == quiet.ledger.account("live", start)


def apart(log, first):
    """The defence removed: charges and bodies in transactions of their own, and dead in between."""

    def release(made):
        for record, body in made:
            if first == "charges":
                log.shared.records.append(("charges", record.body, encode_record(record)))
            else:
                for key, value in encode_body(record.ledger, record.body, body.to_bytes()):
                    log.shared.records.append(("releases", key, value))
        raise KilledError

    return release


def test_charges_written_before_their_bodies_are_caught():
    world = small_world()
    dying = world.replica()
    dying.log.release = apart(dying.log, "charges")
    with pytest.raises(KilledError):
        ask(dying, world)
    assert world.replica().log._view.bodies_missing > 0


def test_bodies_written_before_their_charges_are_caught():
    world = small_world()
    dying = world.replica()
    dying.log.release = apart(dying.log, "releases")
    with pytest.raises(KilledError):
        ask(dying, world)
    with pytest.raises(TornLedgerError):
        world.replica()
