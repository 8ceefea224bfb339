"""Learning from what is not there: an empty pane is released and charged like any other."""

import numpy as np
import pytest
from tests.privacy.made_up_gate import World, draw_heard, small_world

from sottovoce.ledger.codec import decode_record
from sottovoce.privacy import ChargeRecord
from sottovoce_query.errors import QuestionError
from sottovoce_query.gate import Series
from sottovoce_query.ranges import Range, require_complete, require_held
from sottovoce_query.releases.standing import StandingReleases

SLICES = 3


def charges(shared):
    """The ledger's records but for what is random in them, or the clock's."""
    records = [decode_record(value) for topic, _, value in shared.records if topic == "charges"]
    return [
        (each.key, each.charge, each.pot, each.noise) if isinstance(each, ChargeRecord) else each
        for each in records
    ]


WORLDS = {
    "nobody": lambda: World([None] * SLICES),
    "one listener": lambda: small_world(listeners=1, listens=5),
    "a crowd": small_world,
    "a crowd that pauses": lambda: World(
        [None if number == 1 else each for number, each in enumerate(crowd_slices())]
    ),
}


def crowd_slices():
    random = np.random.default_rng(5)
    return [draw_heard(random, 40, 300, 40) for _ in range(SLICES)]


@pytest.mark.parametrize("name", list(WORLDS))
def test_what_is_released_and_charged_is_the_same_whatever_the_cells_hold(name):
    def told(world):
        replica = world.replica().release_all()
        replica.gate.distinct_listeners(world.range(0, 2))
        replica.gate.distinct_tracks(world.range(1, 3))
        lengths = [
            (len(replica.shelf.get(each.key).body.values)
             if each.key.draw is None and each.key.parameters == "" else None)
            for each in replica.ledger.charges()
        ]  # fmt: skip
        return charges(world.shared), len(replica.shelf), lengths, replica.gate.complete_through_ms

    assert told(WORLDS[name]()) == told(World([None] * SLICES))


def test_an_empty_pane_has_a_figure_and_it_is_not_always_nought():
    world = World([None] * 20)
    gate = world.replica().gate
    steps = gate.series(world.range(), Series("new_listeners"), "step")
    assert len(steps.counts) == 20 * world.data_set.panes_per_slice
    assert len(set(steps.counts.tolist())) > 5


def test_a_gate_that_skips_empty_slices_is_caught(monkeypatch):
    """The defence removed: only slices that hold a listen are walked."""
    due = StandingReleases._due

    def only_heard(self, slice_ms, begin_ms, until_ms):
        if self._cells.slice(slice_ms) is not None:
            yield from due(self, slice_ms, begin_ms, until_ms)

    monkeypatch.setattr(StandingReleases, "_due", only_heard)
    with_crowd, nobody = WORLDS["a crowd that pauses"](), World([None] * SLICES)
    for world in (with_crowd, nobody):
        world.replica().release_all()
    assert charges(with_crowd.shared) != charges(nobody.shared)


def test_a_range_is_refused_by_the_clock_alone():
    """Before what can be asked about and after it: whoever listened has no say."""
    refusals = []
    for make in WORLDS.values():
        world = make()
        gate = world.replica().release_all().gate
        end_ms = gate.complete_through_ms
        told = []
        for check, asked in (
            (require_complete, Range(end_ms, end_ms + 6_000)),
            (require_held, Range(gate.floor_ms - 60_000, gate.floor_ms)),
        ):
            with pytest.raises(QuestionError) as refused:
                check(asked, world.cells, gate)
            told.append((str(refused.value), refused.value.reason, refused.value.metadata))
        refusals.append(told)
    assert all(each == refusals[0] for each in refusals)
