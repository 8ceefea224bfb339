"""Listening logs: recognised by their shape, every bad row with its reason and its line."""

import gzip
from datetime import UTC, datetime

import pytest

from sottovoce_producer.errors import SourceError
from sottovoce_producer.sources.log import Faults, LogIntoHistory, plays_of, replicate
from sottovoce_producer.sources.log_file import LogFile


def ms(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def write(tmp_path, text, name="a.log"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "format_name", "good", "bad"),
    [
        ("spotify_listens.csv", "spotify", None, 0),
        ("spotify_extended_listens.csv", "spotify-extended", None, 2),
        ("listenbrainz_listens_sample.csv", "listenbrainz", None, 0),
        ("lastfm_1k.tsv", "lastfm", None, 0),
        ("eventsim.jsonl", "eventsim", None, 0),
    ],
)
def test_every_made_up_log_is_recognised_and_read(made_up_data, name, format_name, good, bad):
    file = LogFile(made_up_data / name)
    rows = list(file.rows())
    assert file.format.name == format_name
    assert sum(row.play is None for row in rows) == bad
    plays = [row.play for row in rows if row.play is not None]
    assert len(plays) > 20
    assert all(play.account and play.title and play.end_time_ms > 10**12 for play in plays)


def test_gzip_is_the_same_log(made_up_data, tmp_path):
    plain = made_up_data / "spotify_listens.csv"
    zipped = tmp_path / "listens"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    assert list(LogFile(zipped).rows()) == list(LogFile(plain).rows())


def test_times_are_ends(tmp_path):
    lastfm = write(tmp_path, "u\t2009-05-04T23:08:57Z\ta\tArtist\tt\tSong\n")
    assert next(LogFile(lastfm).rows()).play.end_time_ms == ms("2009-05-04T23:08:57")
    eventsim = write(
        tmp_path, '{"ts": 1000, "userId": 7, "artist": "A", "song": "S", "duration": 2.5}\n'
    )
    assert next(LogFile(eventsim).rows()).play.end_time_ms == 3_500
    listenbrainz = write(
        tmp_path,
        "user_id,listened_at,artist_name,track_name,duration_ms,spotify_track_id\nu,10,A,S,500,\n"
        "u,10,A,S,,\n",
    )
    ends = [row.play.end_time_ms for row in LogFile(listenbrainz).rows()]
    assert ends == [10_500, 10_000]


def test_what_is_no_play_is_told_with_its_reason_and_first_line(tmp_path):
    path = write(
        tmp_path,
        "user_id,end_time,artist_name,track_name,ms_played\n"
        'u,2020-01-01T00:00:00Z,"two\nlines",T,1\n'
        "u,yesterday,A,T,1\n"
        "u,2020-01-01T00:00:00Z,A,T\n"
        "u,yesterday,A,T,1\n"
        ",2020-01-01T00:00:00Z,A,T,1\n"
        "u,2020-01-01T00:00:00Z,,T,1\n"
        "u,2020-01-01T00:00:00Z,A,T,many\n"
        "u,2020-01-01T00:00:00Z,A,T,-5\n",
    )
    faults = Faults()
    plays = plays_of(list(LogFile(path).rows()), "x:", faults)
    assert plays.accounts == ["x:u"]
    assert len(plays) == 1
    assert faults.by_reason == {
        "the time is none": (2, 4),
        "not 5 fields": (1, 5),
        "no account": (1, 7),
        "no track": (1, 8),
        "ms_played is no whole number": (1, 9),
        "milliseconds played are negative or too many": (1, 10),
    }
    assert faults.lines()[0] == "2 rows: the time is none (first in line 4)"


def test_bytes_that_are_no_utf8_spoil_only_their_row(tmp_path):
    path = tmp_path / "a.csv"
    head = b"user_id,end_time,artist_name,track_name,ms_played\n"
    row = b"u,2020-01-01T00:00:00Z,%s,T,1\n"
    path.write_bytes(head + row % b"\xff\xfe" + row % "Ä".encode())
    assert [row.fault for row in LogFile(path).rows()] == ["bytes that are no UTF-8", ""]


def test_json_lines_that_are_none_spoil_only_themselves(tmp_path):
    fine = '{"ts": 1000, "userId": 7, "artist": "A", "song": "S"}\n'
    path = write(tmp_path, fine + "{\n[]\n\n" + '{"ts": "x", "userId": 7, "song": "S"}\n' + fine)
    rows = list(LogFile(path).rows())
    assert [row.line for row in rows] == [1, 2, 3, 5, 6]
    assert [bool(row.play) for row in rows] == [True, False, False, False, True]


@pytest.mark.parametrize(
    "text",
    [
        '"user_id","end_time","artist_name","track_name","ms_played"\nu,2020-01-01T00:00:00Z,A,T,1\n',
        "u\t2020-01-01T00:00:00Z\t\tA\t\tT\n",
        '{"ts": 1577836800000, "userId": "u", "artist": "A", "song": "T"}\n',
    ],
)
def test_a_byte_order_mark_belongs_to_no_name(tmp_path, text):
    (row,) = LogFile(write(tmp_path, "\ufeff" + text)).rows()
    assert row.play[:4] == ("u", "", "A", "T")


def test_numbers_beyond_all_measure_spoil_only_their_row(tmp_path):
    event = '{"ts": %s, "userId": 7, "artist": "A", "song": "S", "duration": %s}\n'
    odd = [("1000", "NaN"), ("1000", "1e400"), ("1" + 30 * "0", "1"), ("1000", "1e300")]
    path = write(tmp_path, "".join(event % each for each in [("1000", "1"), *odd]) + "[" * 10**5)
    faults = Faults()
    assert plays_of(list(LogFile(path).rows()), "", faults).end_time_ms.tolist() == [2_000]
    assert faults.by_reason == {
        "ts or duration is missing or no number": (2, 2),
        "ends after the year 9999": (2, 4),
        "no JSON": (1, 6),
    }


def test_an_own_file_goes_by_its_names_and_ids_that_are_none_share_a_reason(tmp_path):
    path = write(
        tmp_path,
        "user_id,ts,ms_played,track_name,artist_name,spotify_track_uri\n"
        "u,2020-01-01T00:00:00Z,1,T,A,spotify:local:A::T:200\n"
        "u,2020-01-01T00:00:00Z,1,T,A,spotify:episode:1\n"
        "u,2020-01-01T00:00:00Z,1,T,A,spotify:track:2\n",
    )
    rows = list(LogFile(path).rows())
    assert rows[0].play.spotify_id == ""
    assert [row.fault for row in rows[1:]] == ["the track's id is no Spotify id"] * 2


@pytest.mark.parametrize("text", ["", "nothing known\n", "a,b,c\n1,2,3\n", "{}\n", "\x00\x01"])
def test_a_file_of_no_known_shape_is_told_the_shapes(tmp_path, text):
    with pytest.raises(SourceError, match=r"no listening log that is known.*Last\.fm-1K"):
        LogFile(write(tmp_path, text))


def test_a_missing_file_and_a_broken_gzip_are_one_sentence(made_up_data, tmp_path):
    with pytest.raises(SourceError, match="No such file"):
        LogFile(tmp_path / "none.csv")
    whole = gzip.compress((made_up_data / "spotify_listens.csv").read_bytes())
    path = tmp_path / "half.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="can't be read on"):
        list(LogFile(path).rows())


def test_goes_on_behind_its_cursor(made_up_data):
    file = LogFile(made_up_data / "spotify_listens.csv")

    def source():
        return LogIntoHistory(file, accounts="", batch_plays=7)

    whole = list(source().batches(None))
    assert len(whole) > 3
    for done in range(1, len(whole)):
        rest = list(source().batches(whole[done - 1].cursor))
        assert [each.cursor for each in rest] == [each.cursor for each in whole[done:]]
        assert [each.plays.end_time_ms.tolist() for each in rest] == [
            each.plays.end_time_ms.tolist() for each in whole[done:]
        ]


def test_another_log_other_options_another_source(made_up_data):
    one = LogFile(made_up_data / "spotify_listens.csv")
    other = LogFile(made_up_data / "lastfm_1k.tsv")
    names = {
        LogIntoHistory(one, accounts="").name,
        LogIntoHistory(other, accounts="").name,
        LogIntoHistory(one, accounts="a").name,
        LogIntoHistory(one, accounts="", replicas=2).name,
    }
    assert len(names) == 4


def test_replicas_are_others_weeks_before(made_up_data):
    rows = list(LogFile(made_up_data / "spotify_listens.csv").rows())
    plays = plays_of(rows, "", Faults())
    many = replicate(plays, 3)
    assert len(many) == 3 * len(plays)
    assert len(many.accounts) == 3 * len(plays.accounts)
    assert len(set(many.accounts)) == len(many.accounts)
    week = 7 * 24 * 3600 * 1000
    for replica in range(3):
        part = slice(replica * len(plays), (replica + 1) * len(plays))
        shifted = plays.end_time_ms - many.end_time_ms[part]
        assert (shifted == replica * week).all()
        names = [many.accounts[each].split("#")[0] for each in many.account[part]]
        assert names == [plays.accounts[each] for each in plays.account]
