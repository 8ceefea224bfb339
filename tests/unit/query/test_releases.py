"""What is released when, at what cost, and that it stays what it was."""

from __future__ import annotations

import dataclasses
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from tests.memory_log import MemoryLog
from tests.unit.query.conftest import (
    book_of,
    hold,
    live_range,
    opened_for,
    releasing_of,
    serve,
    settings_of,
    sources_of,
)
from tests.unit.query.crowd import LIVE, START, Crowd

from sottovoce.data_sets import Terms, TermsTimeline
from sottovoce.kafka.errors import FatalWriteError
from sottovoce.ledger.codec import encode_record
from sottovoce.privacy import Held, Opening, PlanError, Pot, ReleaseKey, ReleasePlan
from sottovoce.wire.v1 import query_pb2
from sottovoce_query.errors import QuestionError
from sottovoce_query.releases.plans import HISTORY_SHARES, LIVE_SHARES, next_allowance, plan_of
from sottovoce_query.releases.rows import real_rows
from sottovoce_query.releases.shelf import Shelf
from sottovoce_query.releases.statistic import STATISTICS
from sottovoce_query.rpc.count_distinct import count_distinct
from sottovoce_query.rpc.get_correlation import get_correlation
from sottovoce_query.rpc.get_distribution import get_distribution
from sottovoce_query.rpc.list_top import list_top
from sottovoce_query.rpc.sample_listens import sample_listens
from sottovoce_query.tracks import TrackBook, TrackNames

SHARES = {"live": LIVE_SHARES, "history": HISTORY_SHARES}


def ledger_of(sources):
    return sources.releasing.engine.ledger


def listeners(first, stop, sources):
    request = query_pb2.CountDistinctRequest(
        data_set="live", range=live_range(first, stop), distinct=query_pb2.DISTINCT_LISTENERS
    )
    return count_distinct(request, sources)


@pytest.mark.parametrize("name", ["live", "history"])
def test_a_plan_divides_all_of_epsilon_and_every_part_of_it_fits(name):
    assert sum(Fraction(repr(each)) for each in SHARES[name].values()) == 1
    plan = plan_of(1.0, 1e-9, SHARES[name])
    charges = [
        plan.charge(each.statistic, STATISTICS[each.statistic].sensitivity(20))
        for each in plan.standing
    ]
    prices = sum(plan.budget.price(each) for each in charges)
    assert prices <= plan.budget.standing
    assert prices > plan.budget.standing * Fraction(99, 100)
    assert sum(each.delta for each in charges) <= plan.budget.threshold_delta


def test_a_share_for_what_nobody_can_release_is_refused_with_what_there_is():
    with pytest.raises(PlanError, match=r"no statistic moods can have a share; there are: genres"):
        plan_of(1.0, 1e-9, {"moods": 0.5})
    with pytest.raises(PlanError, match=r"together 1\.01"):
        plan_of(1.0, 1e-9, {"genres": 0.91, "reserve": 0.1})


def test_everything_of_a_slice_is_charged_on_the_clock_whether_anybody_listened(crowd):
    sources = serve({"live": crowd}, epsilon=1.0)
    ledger = ledger_of(sources)
    quiet, busy = START - 5 * LIVE.slice_ms, START
    assert crowd.within(quiet, quiet + LIVE.slice_ms) == []
    spent = [ledger.account("live", each) for each in (quiet, busy)]
    assert spent[0] == spent[1]
    assert spent[0].epsilon > Fraction(85, 100)
    assert spent[0].reserve == 0

    def keys(slice_ms):
        return [
            dataclasses.replace(each.key, slices=(0,))
            for each in ledger.charges()
            if each.key.slices == (slice_ms,)
        ]

    assert keys(quiet) == keys(busy)


def test_nothing_is_released_of_a_slice_that_began_before_the_ledger(crowd):
    cells = {"live": hold(crowd)}
    shared = opened_for({"live": crowd})
    shared.records.clear()
    opening = Opening(b"a ledger of test", START + 1)
    shared.records.append(("charges", b"", encode_record(opening)))
    releasing = releasing_of(cells, book_of(crowd), shared, 1.0)
    assert releasing.gates["live"].floor_ms == START + LIVE.slice_ms
    assert all(each.key.slices[0] > START for each in releasing.engine.ledger.charges())


def test_a_replica_that_comes_later_charges_nothing_and_answers_the_same(crowd):
    shared, cells, book = opened_for({"live": crowd}), {"live": hold(crowd)}, book_of(crowd)
    first = releasing_of(cells, book, shared, 1.0)
    written = len(shared.records)
    second = releasing_of(cells, book, shared, 1.0)
    assert len(shared.records) == written
    key = ReleaseKey("live", (START,), "genres", "panes=1", 3)
    assert first.shelf.get(key).body.values.tolist() == second.shelf.get(key).body.values.tolist()


def test_of_two_replicas_that_draw_at_once_the_log_keeps_one_and_both_serve_it(crowd):
    shared, cells, book = opened_for({"live": crowd}), {"live": hold(crowd)}, book_of(crowd)
    one, other = (
        releasing_of({"live": hold(crowd, through_ms=0)}, book, shared, 1.0) for _ in "ab"
    )
    del cells
    for each in (one, other):
        for name, held in each._cells.items():
            for shard, key, value in crowd.records():
                held.apply(shard, key, value)
            held.update()
            assert name == "live"
    one._log.before_write = lambda: [other.follow() for _ in range(3)]
    one.follow()
    key = ReleaseKey("live", (START,), "tracks")
    values = [each.shelf.get(key).body.values.tolist() for each in (one, other)]
    assert values[0] == values[1]
    verdicts = [one.engine.ledger.holds(key), other.engine.ledger.holds(key)]
    assert verdicts == [True, True]
    assert one.engine.ledger.account("live", START) == other.engine.ledger.account("live", START)


def test_an_ad_hoc_question_is_paid_by_each_slice_from_its_reserve_once(crowd):
    sources = serve({"live": crowd}, epsilon=1.0)
    before = [ledger_of(sources).account("live", START + n * 30_000) for n in range(3)]
    answers = [listeners(0, 60_000, sources) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    after = [ledger_of(sources).account("live", START + n * 30_000) for n in range(3)]
    paid = [late.reserve - early.reserve for early, late in zip(before, after, strict=True)]
    assert paid[0] == paid[1] > 0
    assert paid[2] == 0
    assert [each.standing for each in before] == [each.standing for each in after]


def test_a_reserve_that_is_spent_refuses_and_says_which_slice_the_need_and_what_is_left(crowd):
    sources = serve({"live": crowd}, epsilon=1.0)
    ledger = ledger_of(sources)
    spans = [(begin, end) for begin in range(-10, 3) for end in range(begin + 2, 4)]
    error = next(filter(None, (refusal_of(span, sources) for span in spans)))
    assert (error.code.name, error.reason) == ("RESOURCE_EXHAUSTED", "BUDGET_SPENT")
    assert float(error.metadata["need"]) > float(error.metadata["left"])
    assert "new budget comes only with new slices" in str(error)
    assert error.details[0].violations[0].quota_metric == "epsilon"
    for _, _, account in ledger.accounts():
        assert account.reserve <= account.budget.reserve
        assert account.epsilon <= account.budget.epsilon


def refusal_of(span, sources):
    try:
        listeners(*(30_000 * each for each in span), sources)
    except QuestionError as error:
        return error


def test_new_settings_hold_for_slices_to_come_and_never_for_those_that_were_charged(crowd):
    shared, book = opened_for({"live": crowd}), book_of(crowd)
    early = {"live": hold(crowd, through_ms=START + 30_000)}
    releasing_of(early, book, shared, 1.0)
    later = releasing_of({"live": hold(crowd)}, book, shared, 4.0)
    ledger = later.engine.ledger
    assert ledger.account("live", START).budget.epsilon == 1
    first = ledger.latest_allowance("live")
    assert first.budget.epsilon == 4
    assert first.from_ms > START + 30_000


def test_an_allowance_never_reaches_back_though_the_clock_was_set_back():
    ledger = serve({"live": Crowd()}, epsilon=1.0).releasing.engine.ledger
    latest = ledger.latest_allowance("live")
    other = plan_of(2.0, 1e-9, LIVE_SHARES)
    made = next_allowance(ledger, ledger.opening, LIVE, other, 8, reached_ms=0)
    assert made.from_ms > ledger.frontier("live") >= START
    assert isinstance(ledger.judge(made), Held)
    assert next_allowance(ledger, ledger.opening, LIVE, latest.plan, 8, 0) is None


def test_rankings_are_thinned_after_a_day_and_answer_with_wider_intervals(crowd):
    sources = serve({"live": crowd}, epsilon=50.0)
    request = query_pb2.ListTopRequest(
        data_set="live", range=live_range(), entity=query_pb2.ENTITY_TRACKS, size=100
    )
    releasing = sources.releasing
    thinner = releasing.shelf.thin("live", START + 30_000, 2.0)
    assert thinner
    assert all(new.places is not None for _, new in thinner.values())
    truth = Counter(row.track for row in crowd.within(START, START + 90_000))
    found = [(each.count, truth[each.track.id]) for each in list_top(request, sources).entries]
    inside = sum(count.lower <= exact <= count.upper for count, exact in found)
    assert inside >= 0.8 * len(found) > 0
    assert max(count.upper - count.value for count, _ in found) > (
        max(count.value - count.lower for count, _ in found)  # what was let go of may be missing
    )
    again = Shelf()
    log = MemoryLog(releasing._log.shared, again.put)
    releasing._log.rewrite(thinner)
    log.catch_up()
    assert len(again) == len(releasing.shelf)


def test_a_sample_of_real_rows_is_off_until_an_operator_allows_it(crowd):
    request = query_pb2.SampleListensRequest(
        data_set="live", range=live_range(), kind=query_pb2.SAMPLE_KIND_REAL
    )
    with pytest.raises(QuestionError, match="privacy_real_rows"):
        sample_listens(request, serve({"live": crowd}, epsilon=1.0))
    request.kind = query_pb2.SAMPLE_KIND_OWN
    with pytest.raises(QuestionError, match="personal mode only"):
        sample_listens(request, serve({"live": crowd}, epsilon=1.0))


def test_real_rows_are_of_groups_of_k_masked_labelled_and_frozen(crowd):
    how = {"privacy_real_rows": True, "privacy_k": 2}
    sources = serve({"live": crowd}, epsilon=1.0, **how)
    request = query_pb2.SampleListensRequest(
        data_set="live", range=live_range(0, 30_000), kind=query_pb2.SAMPLE_KIND_REAL
    )
    before = ledger_of(sources).account("live", START)
    found = sample_listens(request, sources)
    assert ledger_of(sources).account("live", START) == before
    assert found.kind == query_pb2.SAMPLE_KIND_REAL
    assert "2 listeners or more" in found.basis.notice
    assert found.listens
    rows = crowd.within(START, START + 30_000)
    for each in found.listens:
        alike = {
            row.listener
            for row in rows
            if (row.track, row.country) == (each.track.id, each.country)
        }
        assert len(alike) >= 2
        assert each.end_time.ToMilliseconds() % 3_600_000 == 0
        assert not each.HasField("played")
        assert {round(10 * value) for value in each.features.values()} <= {1, 3, 5, 7, 9}
    sources.by_name["live"].cells.slice(START).sample._entries = {}
    assert sample_listens(request, sources) == found
    assert sources.releasing.desks["live"].withdraw_rows([START]) == 1
    gone = sample_listens(request, sources)
    assert not gone.listens
    assert "withdrawn for an erasure" in gone.basis.notice


def test_a_group_of_fewer_than_k_listeners_shows_no_row(crowd):
    merged = hold(crowd).slice(START)
    assert real_rows(merged, crowd.catalogue, 2)
    assert real_rows(merged, crowd.catalogue, 1_000) == ()
    assert real_rows(None, crowd.catalogue, 2) == ()


def test_shares_lie_within_their_intervals(crowd):
    sources = serve({"live": crowd}, epsilon=20.0)
    request = query_pb2.GetDistributionRequest(
        data_set="live", range=live_range(), dimension=query_pb2.DIMENSION_GENRE
    )
    response = get_distribution(request, sources)
    rows = crowd.within(START, START + 90_000)
    for each in response.shares:
        truth = sum(row.genre == each.name for row in rows) / len(rows)
        assert each.share.lower <= each.share.value <= each.share.upper
        assert each.share.lower - 0.2 <= truth <= each.share.upper + 0.2


def test_settings_name_their_plan():
    assert settings_of(1.0).privacy_live_shares == dict(LIVE_SHARES)
    assert isinstance(plan_of(1.0, 1e-9, LIVE_SHARES), ReleasePlan)
    assert np.isclose(float(plan_of(3.0, 1e-9, LIVE_SHARES).budget.reserve), 0.3)
    assert Pot.RESERVE.value == "reserve"


def test_days_of_history_are_released_together_when_they_are_asked_for(crowd, past, monkeypatch):
    sources = serve({"live": crowd, "history": past}, epsilon=1.0)
    releasing = sources.releasing
    assert not [each for each in releasing.engine.ledger.charges() if each.key.data_set != "live"]
    written = []
    release = releasing._log.release
    monkeypatch.setattr(
        releasing._log, "release", lambda made: written.append(made) or release(made)
    )
    request = query_pb2.GetDistributionRequest(
        data_set="history", dimension=query_pb2.DIMENSION_GENRE
    )
    request.range.start.FromMilliseconds(past.start_ms)
    request.range.end.FromMilliseconds(past.end_ms)
    first = get_distribution(request, sources)
    assert [len(made) for made in written] == [4]
    assert get_distribution(request, sources) == first
    assert len(written) == 1


def test_more_new_releases_than_anybody_would_wait_for_are_refused(crowd, past, monkeypatch):
    monkeypatch.setattr("sottovoce_query.releases.desk.VALUES_OF_A_QUESTION", 300)
    sources = serve({"live": crowd, "history": past}, epsilon=1.0)
    request = query_pb2.GetDistributionRequest(
        data_set="history", dimension=query_pb2.DIMENSION_GENRE
    )
    request.range.start.FromMilliseconds(past.start_ms)
    request.range.end.FromMilliseconds(past.end_ms)
    with pytest.raises(QuestionError, match="4 slices of history would have to be released first"):
        get_distribution(request, sources)


def test_a_write_whose_outcome_nobody_knows_ends_the_process(crowd, monkeypatch):
    sources = serve({"live": crowd}, epsilon=1.0)

    def fail(_):
        raise FatalWriteError("commit_transaction timed out")

    monkeypatch.setattr(sources.releasing._log, "release", fail)
    with pytest.raises(QuestionError) as refused:
        listeners(0, 60_000, sources)
    assert refused.value.code.name == "UNAVAILABLE"
    with pytest.raises(FatalWriteError):
        sources.releasing.follow()


@pytest.mark.parametrize(
    ("bound", "epsilon"),
    [(10**6, 8.0), (10**8, 1.0)],
    ids=["a sensitivity beyond the ledger's", "a scale beyond the mechanism's"],
)
def test_a_bound_so_large_that_no_noise_would_do_costs_that_statistic_and_no_other(bound, epsilon):
    crowd = Crowd()
    terms = dataclasses.replace(next(iter(crowd.terms)), listens_per_slice=bound)
    crowd.terms = TermsTimeline("live", [terms])
    sources = serve({"live": crowd}, epsilon=epsilon)
    released = {each.key.statistic for each in ledger_of(sources).charges()}
    assert "genres" in released
    assert "features" not in released
    with pytest.raises(QuestionError, match="no budget for features"):
        get_correlation(
            query_pb2.GetCorrelationRequest(data_set="live", range=live_range()), sources
        )


def test_without_a_catalogue_everything_is_released_all_the_same():
    crowd = Crowd()
    crowd.terms = TermsTimeline("live", [Terms("live")])
    book = TrackBook(registry_of(crowd), lambda: "", TrackNames())
    cells = {"live": hold(crowd)}
    releasing = releasing_of(cells, book, opened_for({"live": crowd}))
    sources = sources_of(cells, book, releasing)
    request = query_pb2.GetDistributionRequest(
        data_set="live", range=live_range(), dimension=query_pb2.DIMENSION_GENRE
    )
    shares = get_distribution(request, sources).shares
    assert [(each.name, each.plays.value) for each in shares] == [("unknown", len(crowd.rows))]
    top = query_pb2.ListTopRequest(
        data_set="live", range=live_range(), entity=query_pb2.ENTITY_TRACKS
    )
    assert list_top(top, sources).entries


def registry_of(crowd):
    """Catalogues by version, as the log has them: the empty one under no name but the empty one."""
    known = {"": type(crowd.catalogue).empty(), crowd.catalogue.version: crowd.catalogue}
    return known.__getitem__
