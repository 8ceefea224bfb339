from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.data_sets.data_set import HOUR_MS, MINUTE_MS, PROFILES, DataSet
from sottovoce.data_sets.terms import Terms, TermsTimeline
from sottovoce.wire.listens import new_listens, pack_keys, shard_of
from sottovoce.wire.v1 import cell_pb2
from sottovoce_consumer.admission import END_OF_TIME_MS, Admission, SealTimeline
from sottovoce_consumer.placing import shards_of

LIVE = dataclasses.replace(PROFILES["standard"]["live"], shards=1, first_ms=2 * HOUR_MS)
HISTORY = dataclasses.replace(PROFILES["standard"]["history"], shards=1)
TERMS = (
    Terms("live", HOUR_MS, lateness_ms=5 * MINUTE_MS, future_ms=MINUTE_MS, listens_per_slice=3),
    Terms("live", 5 * HOUR_MS, lateness_ms=9 * MINUTE_MS, future_ms=0, listens_per_slice=2),
)

around = st.integers(0, 8 * HOUR_MS) | st.sampled_from(
    [0, HOUR_MS, 2 * HOUR_MS - 1, 2 * HOUR_MS, 5 * HOUR_MS - 1, 5 * HOUR_MS, 2**63, 2**64 - 1]
)


def naive(data_set: DataSet, end: int, append: int, ordinal: int, sealed: int) -> int:
    """The rules, one listen at a time, from the strongest reason to the weakest."""
    if end < data_set.first_ms or data_set.slice_of(end) < TERMS[0].from_ms:
        return cell_pb2.REFUSAL_BEFORE_FIRST
    terms = TermsTimeline(data_set.name, TERMS).at(data_set.slice_of(end))
    if data_set.by_append_time:
        if append - end > terms.lateness_ms:
            return cell_pb2.REFUSAL_LATE
        if end - append > terms.future_ms:
            return cell_pb2.REFUSAL_FUTURE
    elif end < sealed:
        return cell_pb2.REFUSAL_LATE
    if end >= END_OF_TIME_MS:
        return cell_pb2.REFUSAL_FUTURE
    return cell_pb2.REFUSAL_OVER_BOUND if ordinal >= terms.listens_per_slice else 0


@given(
    st.sampled_from([LIVE, HISTORY]),
    st.lists(
        st.tuples(
            around,
            st.one_of(st.integers(-10 * MINUTE_MS, 10 * MINUTE_MS), st.none()),
            st.integers(0, 5),
            st.integers(0, 8 * HOUR_MS),
        ),
        max_size=30,
    ),
)
def test_each_listen_is_judged_by_its_own_record_and_its_slices_terms(data_set, rows):
    listens = new_listens(len(rows))
    listens["end_time_ms"] = [end for end, *_ in rows]
    listens["ordinal"] = [ordinal for *_, ordinal, _ in rows]
    append = [
        0 if delay is None else max(0, min(end, 10 * HOUR_MS) + delay) for end, delay, *_ in rows
    ]
    sealed = [seal for *_, seal in rows]
    refused = Admission(data_set, TERMS).judge(
        listens, np.array(append, np.int64), shard=0, sealed_ms=np.array(sealed, np.int64)
    )
    assert refused.tolist() == [
        naive(data_set, end, append[row], ordinal, sealed[row])
        for row, (end, _, ordinal, _) in enumerate(rows)
    ]


@given(st.lists(st.tuples(*[st.integers(0, 2**64 - 1)] * 2), max_size=20), st.integers(1, 64))
def test_the_shards_of_many_are_those_of_each(pairs, shards):
    high, low = (
        (np.array(half, np.uint64) for half in zip(*pairs, strict=True))
        if pairs
        else (
            np.empty(0, np.uint64),
            np.empty(0, np.uint64),
        )
    )
    one_by_one = [shard_of(key.tobytes(), shards) for key in pack_keys(high, low)]
    assert shards_of(high, low, shards).tolist() == one_by_one


def test_a_listen_in_anothers_shard_or_under_anothers_key_is_misplaced():
    wide = dataclasses.replace(LIVE, shards=64)
    listens = new_listens(2)
    listens["end_time_ms"] = 3 * HOUR_MS
    here = int(shards_of(listens["listener_high"], listens["listener_low"], 64)[0])
    judge = Admission(wide, TERMS).judge
    append = np.full(2, 3 * HOUR_MS)
    fit = np.array([True, False])
    assert judge(listens, append, shard=here, keys_fit=fit).tolist() == [
        0,
        cell_pb2.REFUSAL_MISPLACED,
    ]
    assert (judge(listens, append, shard=here + 1) == cell_pb2.REFUSAL_MISPLACED).all()


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 1_000)), max_size=6, unique_by=lambda s: s[0]
    )
)
def test_a_seal_rules_over_what_stands_behind_it(seals):
    timeline = SealTimeline()
    for offset, through in sorted(seals):
        timeline = timeline.with_seal(offset, through)
    offsets = np.arange(60)
    standing = timeline.standing_before(offsets)
    for offset in offsets:
        before = [through for at, through in seals if at < offset]
        assert standing[offset] == max(before, default=np.iinfo(np.int64).min)


@given(st.integers(0, 8 * HOUR_MS))
def test_a_complete_pane_can_get_no_listen_any_more(append):
    admission = Admission(
        dataclasses.replace(LIVE, first_ms=0), (dataclasses.replace(TERMS[0], from_ms=0), TERMS[1])
    )
    through = admission.complete_through(append)
    assert through % LIVE.pane_ms == 0
    listens = new_listens(400)
    listens["end_time_ms"] = np.linspace(
        max(0, through - 2 * HOUR_MS), max(1, through - 1), 400
    ).astype(np.uint64)
    refused = admission.judge(listens, np.full(400, append), shard=0)
    assert (refused[listens["end_time_ms"] < through] != 0).all()
    assert admission.complete_through(append + LIVE.pane_ms) >= through


@pytest.mark.parametrize(
    ("refusal", "end", "words"),
    [
        (cell_pb2.REFUSAL_BEFORE_FIRST, HOUR_MS, "before the first that counts"),
        (cell_pb2.REFUSAL_FUTURE, 9 * HOUR_MS, "3600000 ms after it was written"),
        (cell_pb2.REFUSAL_LATE, 7 * HOUR_MS, "3600000 ms before it was written"),
        (cell_pb2.REFUSAL_OVER_BOUND, 8 * HOUR_MS, "ordinal 0 is not below"),
        (cell_pb2.REFUSAL_MISPLACED, 8 * HOUR_MS, "its key is not that"),
    ],
)
def test_a_refusal_says_why_in_one_sentence(refusal, end, words):
    listens = new_listens(1)
    listens["end_time_ms"] = end
    detail = Admission(LIVE, TERMS).detail(refusal, listens[0], 8 * HOUR_MS, 0, 0)
    assert words in detail
