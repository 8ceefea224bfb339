"""Attacks by way of what a producer admits.

Each attack is made twice: against the producer as it is, and against one whose defence was taken
away, where it must succeed.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from tests.unit.producer.memory_writer import DATA_SETS, MemoryWriter

from sottovoce.data_sets import Terms
from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from sottovoce_producer import accounts, intake
from sottovoce_producer.bounds import Bounds
from sottovoce_producer.plays import PlayRow
from sottovoce_producer.resting import Resting, end_of_rest
from sottovoce_producer.vault import seeded_pseudonyms

MIDNIGHT = 20_000 * DAY_MS
NOON = MIDNIGHT + 12 * HOUR_MS
TERMS = [
    Terms("live", listens_per_slice=3, slices_per_day=2),
    Terms("history", listens_per_slice=4, slices_per_day=1),
]
LIVE = DATA_SETS["live"]


def row(account, end_time_ms, title="T", ms_played=None):
    return PlayRow(account, "", f"Artist of {title}", title, "", end_time_ms, ms_played)


def writer_of_test(**more):
    return MemoryWriter(now_ms=NOON, terms=TERMS, make_pseudonym=seeded_pseudonyms("s"), **more)


def an_attack_is_found(attacks, succeeds):
    """Whether one of very many attacks succeeds."""
    searching = settings(
        max_examples=20_000,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        find(attacks, succeeds, settings=searching, random=random.Random(1))
    except NoSuchExample:
        return False
    return True


def told_twice(writer):
    """How often one play counts that is told twice at once, twice in turn, and by two sources."""
    play = row("a", NOON, ms_played=5)
    for source in ("spotify", "history-file"):
        writer.write([play, play], source=source)
    writer.write([play], source="spotify")
    return len(writer.listens())


def test_a_play_that_is_told_twice_or_by_two_sources_counts_once():
    assert told_twice(writer_of_test()) == 1


def test_without_ids_of_events_it_would_count_each_time(monkeypatch):
    def random_ids(listens):
        ids = np.random.default_rng(len(listens)).integers(0, 2**63, (2, len(listens)), np.uint64)
        random_ids.told += np.uint64(1)
        return ids[0] + random_ids.told, ids[1] + random_ids.told

    random_ids.told = np.uint64(0)
    monkeypatch.setattr(intake, "event_ids", random_ids)
    assert told_twice(writer_of_test()) == 3, "as often as the bound allows"


a_play = st.builds(
    row,
    st.sampled_from("abcd"),
    st.integers(0, 8).map(lambda quarters: NOON - HOUR_MS + quarters * 15 * MINUTE_MS),
    st.sampled_from(["T", "U", "V"]),
    st.integers(0, 3),
)
a_batch = st.tuples(
    st.integers(0, 40), st.sampled_from(["live", "history"]), st.lists(a_play, max_size=12)
)
some_batches = st.lists(a_batch, max_size=6)


def admitted(batches, leave_out=None, gone=None):
    """Return the listens of all but one account, byte for byte and by shard, in their order.

    Args:
        batches: minutes to wait, data set and plays of each.
        leave_out: whose plays are left out.
        gone: who is not looked at.
    """
    writer = writer_of_test()
    hidden = writer.listeners._make_pseudonym(gone)
    for minutes, data_set, rows in batches:
        writer.now_ms += minutes * MINUTE_MS
        writer.write([each for each in rows if each.account != leave_out], data_set)
    return [
        (name, [listen for listen in writer.listens(name) if not _of(listen, hidden)])
        for name in DATA_SETS
    ]


def _of(listen, pseudonym):
    return (int(listen["listener_high"]), int(listen["listener_low"])) == pseudonym


def decides_over_others(batches):
    """Whether the others' listens differ when one account never played."""
    return any(
        repr(admitted(batches, gone=account)) != repr(admitted(batches, account, account))
        for account in "ab"
    )


@given(some_batches)
@settings(max_examples=60)
def test_nobody_decides_over_the_admission_of_anybody_else(batches):
    assert not decides_over_others(batches)


def test_with_a_bound_over_all_listeners_somebody_would(monkeypatch):
    groups = Bounds._groups
    monkeypatch.setattr(
        Bounds, "_groups", lambda self, end, listener: groups(self, end, np.zeros_like(listener))
    )
    assert an_attack_is_found(some_batches, decides_over_others)


# Erase and return: what one account does around the end of a day, in seconds from midnight on.
seconds = st.integers(-900, 900) | st.sampled_from([-61, -60, -1, 0, 1, 299, 300, 301])
a_step = st.tuples(seconds, st.integers(-400, 70), st.booleans())
some_steps = st.lists(a_step, min_size=2, max_size=8).map(sorted)


def pseudonyms_in_a_slice(steps):
    """Return the most pseudonyms that one account has in one slice of `live`.

    Args:
        steps: when, by how much a play then ends later, and whether the account is forgotten after
            that.
    """
    writer = MemoryWriter(now_ms=MIDNIGHT - HOUR_MS, terms=TERMS)
    for second, ahead, forgotten in steps:
        writer.now_ms = MIDNIGHT + second * SECOND_MS
        writer.write([row("a", writer.now_ms + ahead * SECOND_MS)])
        if forgotten:
            writer.accounts.forget("a")
    slices: dict[int, set] = {}
    for listen in writer.listens():
        slice_ms = LIVE.slice_of(int(listen["end_time_ms"]))
        slices.setdefault(slice_ms, set()).add(int(listen["listener_high"]))
    return max(map(len, slices.values()), default=0)


@given(some_steps)
@settings(max_examples=300)
def test_nobody_who_is_erased_comes_back_within_a_slice(steps):
    assert pseudonyms_in_a_slice(steps) <= 1


def test_who_comes_back_does_count_again_the_next_day():
    """What the property above would also be true of: a writer that never takes anybody back."""
    writer = MemoryWriter(now_ms=NOON, terms=TERMS)
    writer.write([row("a", NOON)])
    writer.accounts.forget("a")
    writer.now_ms = NOON + DAY_MS
    writer.write([row("a", writer.now_ms)])
    assert len({int(each["listener_high"]) for each in writer.listens()}) == 2


@pytest.mark.parametrize("defence", ["rest", "lateness", "future"])
def test_without_each_part_of_the_rest_somebody_would_come_back(monkeypatch, defence):
    if defence == "rest":
        monkeypatch.setattr(Resting, "refuses", lambda *_: False)
    else:
        no = {f"{defence}_ms": 0}
        monkeypatch.setattr(
            accounts, "end_of_rest", lambda after, **terms: end_of_rest(after, **{**terms, **no})
        )
    assert an_attack_is_found(some_steps, lambda steps: pseudonyms_in_a_slice(steps) > 1)
