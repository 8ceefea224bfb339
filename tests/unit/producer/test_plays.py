"""Rows to columns, and the ids of events."""

import mmh3
import numpy as np
import pytest

from sottovoce.catalogue import artist_key, name_track_id, spotify_id_to_int
from sottovoce.wire import listens as wire
from sottovoce_producer.events import EVENT_SEED, event_ids
from sottovoce_producer.filters import Filters, FilterSettings
from sottovoce_producer.plays import PlayRow, Plays

ID = "0z6nI1fKt79HBJUazOlbl3"
FINE = PlayRow("me", "", "Somebody", "Something", "", 1_000)


def test_columns_say_what_the_rows_said():
    rows = [
        FINE._replace(ms_played=0, skipped=True, shuffle=False, offline=True, country="se"),
        FINE._replace(account="you", spotify_id=ID, end_time_ms=5, private_session=True),
        FINE,
    ]
    plays, malformed = Plays.from_rows(rows)
    assert malformed == []
    assert [plays.accounts[each] for each in plays.account] == ["me", "you", "me"]
    ids = np.stack([plays.tracks.high, plays.tracks.low], 1)[plays.track].tolist()
    by_name = list(name_track_id("Somebody", "Something"))
    assert ids == [by_name, list(spotify_id_to_int(ID)), by_name]
    assert plays.tracks.artist_key[plays.track].tolist() == [artist_key("somebody")] * 3
    assert plays.end_time_ms.tolist() == [1_000, 5, 1_000]
    assert plays.private.tolist() == [False, True, False]
    assert [wire.country_name(each) for each in plays.country.tolist()] == [
        "SE",
        "unknown",
        "unknown",
    ]
    known = wire.MS_PLAYED_KNOWN | wire.COUNTRY_KNOWN | wire.SKIPPED_KNOWN | wire.SHUFFLE_KNOWN
    assert plays.flags.tolist() == [known | wire.SKIPPED | wire.OFFLINE, 0, 0]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (FINE._replace(artist=""), "name no track"),
        (FINE._replace(spotify_id="short"), "no Spotify id"),
        (FINE._replace(account=""), "no account"),
        (FINE._replace(end_time_ms=-1), "before 1970"),
        (FINE._replace(end_time_ms=10**20), "after the year 9999"),
        (FINE._replace(ms_played=2**32), "too many"),
        (FINE._replace(country="Sweden"), "two letters"),
    ],
)
def test_a_row_that_is_no_play_is_handed_back_with_its_place(row, why):
    plays, malformed = Plays.from_rows([FINE, row, FINE, row])
    assert len(plays) == 2
    assert [each.place for each in malformed] == [1, 3]
    assert all(why in each.reason for each in malformed)


def test_no_rows_are_no_plays():
    plays, malformed = Plays.from_rows([])
    assert len(plays) == 0
    assert len(plays.tracks) == 0
    assert malformed == []


def test_an_event_id_is_the_hash_that_anybody_can_compute():
    listens = wire.new_listens(3)
    listens["listener_high"], listens["listener_low"] = 1, [2, 2, 3]
    listens["track_high"], listens["track_low"] = 4, 5
    listens["end_time_ms"], listens["ms_played"] = 6, [7, 8, 7]
    high, low = event_ids(listens)
    for row, (one, other) in zip(
        listens, zip(high.tolist(), low.tolist(), strict=True), strict=True
    ):
        text = b"".join(
            int(row[name]).to_bytes(size, "big")
            for name, size in (
                ("listener_high", 8),
                ("listener_low", 8),
                ("track_high", 8),
                ("track_low", 8),
                ("end_time_ms", 8),
                ("ms_played", 4),
            )
        )
        assert (other, one) == mmh3.hash64(text, EVENT_SEED, signed=False)
    assert len(set(low.tolist())) == 3


def judge(rows, in_catalogue=None, **settings):
    plays, _ = Plays.from_rows(rows)
    there = np.ones(len(plays), bool) if in_catalogue is None else np.array(in_catalogue)
    kept, cut = Filters(FilterSettings(**settings)).judge(plays, there)
    return kept.tolist(), cut


def test_by_default_every_play_counts():
    rows = [FINE, FINE._replace(ms_played=0), FINE._replace(private_session=True)]
    assert judge(rows, [False] * 3) == ([True] * 3, {})


def test_each_rule_cuts_under_its_name():
    short, long = FINE._replace(ms_played=29_999), FINE._replace(ms_played=30_000)
    assert judge([short, long, FINE], min_ms_played=30_000) == (
        [False, True, True],
        {"min_ms_played": 1},
    )
    private = FINE._replace(private_session=True)
    assert judge([private, FINE], private_sessions=False) == (
        [False, True],
        {"private_sessions": 1},
    )
    rows = [FINE._replace(country=name) for name in ("SE", "DE", "")]
    assert judge(rows, countries=["se"]) == ([True, False, False], {"countries": 2})
    assert judge([FINE, FINE], [True, False], unknown_tracks=False) == (
        [True, False],
        {"unknown_tracks": 1},
    )


def test_a_play_is_counted_under_the_first_rule_that_cuts_it():
    row = FINE._replace(ms_played=1, private_session=True)
    kept, cut = judge([row], min_ms_played=2, private_sessions=False)
    assert kept == [False]
    assert cut == {"min_ms_played": 1}
