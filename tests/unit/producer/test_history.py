"""The source `history`: exports as people get them, good and bad."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.unit.producer.exports import (
    PRIVATE,
    account_row,
    at,
    extended_row,
    from_real_log,
    write_json,
    write_zip,
)

from sottovoce.wire import listens as wire
from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.errors import SourceError
from sottovoce_producer.sources import run_source
from sottovoce_producer.sources.history import HistoryImport, HistorySource
from sottovoce_producer.sources.history_check import check_files
from sottovoce_producer.sources.history_files import find_files
from sottovoce_producer.sources.history_formats import RowError, Shape, Skipped, read_play
from sottovoce_producer.sources.history_json import BROKEN, NotRowsError, read_rows
from sottovoce_producer.writer import Batch

ME = "me"


class Remembering:
    """A sink that keeps what it is given and knows a play that it has."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.batches: list[Batch] = []
        self.plays: list[tuple] = []
        self.cursors: dict[str, bytes] = {}
        self._fail_after = fail_after

    def cursor(self, source):
        return self.cursors.get(source)

    def connect(self, account, tokens):
        raise AssertionError("a history has no tokens")

    def write(self, batch):
        if self._fail_after is not None and len(self.batches) == self._fail_after:
            raise ConnectionError("gone")
        self.batches.append(batch)
        self.cursors[batch.source] = batch.cursor
        counts = producer_pb2.PlayCounts(malformed=batch.malformed)
        plays = batch.plays
        for row in range(len(plays)):
            track = plays.track[row]
            play = (
                plays.accounts[plays.account[row]],
                int(plays.tracks.high[track]),
                int(plays.tracks.low[track]),
                int(plays.end_time_ms[row]),
                int(plays.ms_played[row]),
            )
            if play in self.plays:
                counts.duplicate += 1
            else:
                self.plays.append(play)
                counts.taken += 1
        return counts


def take(*paths: Path, sink: Remembering | None = None, from_start: bool = False, account=ME):
    sink = sink or Remembering()
    export = check_files(find_files(paths).plays, account)
    importing = HistoryImport(export, account, from_start=from_start)
    importing.run(sink)
    assert importing.complete
    return importing.reports, sink


def rows_of(text: str | bytes) -> list[object]:
    return list(read_rows(io.BytesIO(text if isinstance(text, bytes) else text.encode())))


# Rows of a JSON array.


def test_rows_come_as_they_are_written_whatever_the_layout():
    rows = [{"a": 1}, {"b": '},{ "\\'}, {"c": "å\u2028😀"}, {}]
    for indent in (None, 0, 2):
        for ascii_only in (True, False):
            text = json.dumps(rows, indent=indent, ensure_ascii=ascii_only)
            assert rows_of(text) == rows
            assert rows_of("\ufeff" + text + "\n") == rows
    assert rows_of(" [ ] ") == []


def test_rows_that_lie_across_chunks_come_whole():
    rows = [{"number": i, "text": "é" * (i % 700)} for i in range(6_000)]
    assert rows_of(json.dumps(rows, ensure_ascii=False)) == rows


@pytest.mark.parametrize(
    "text", ["[", "[1", '[{"a": 1}', '[{"a": 1},', '[{"a": 1}, {"b": ', '[{"a": 1}, {"b": "x']
)
def test_an_array_without_its_end_is_cut_short(text):
    with pytest.raises(NotRowsError, match="cut short"):
        rows_of(text)


@pytest.mark.parametrize("text", ["", '{"a": 1}', "ts,ms_played\n1,2\n", "\x00\x01", "null"])
def test_what_is_no_array_is_refused(text):
    with pytest.raises(NotRowsError, match="does not hold a JSON array"):
        rows_of(text)


def test_something_behind_the_array_is_refused():
    with pytest.raises(NotRowsError, match="follows"):
        rows_of("[1] [2]")


@pytest.mark.parametrize(
    "broken", ['{"b" 2}', '{"b": }', '{"b": tru}', "{b}", '{"b": 2} garbage}', '{"b": "\n"}']
)
def test_a_broken_row_is_told_and_the_next_ones_are_read(broken):
    good = '{"a": 1}'
    for text in (f"[{good},{broken},{good}]", f"[{good},{good},{broken}]"):
        rows = rows_of(text)
        assert rows.count({"a": 1}) == 2
        assert rows.count(BROKEN) == 1


def test_bytes_that_are_no_utf_8_spoil_only_their_row():
    rows = rows_of(b'[{"a": "fine"}, {"a": "\xff\xfe"}, {"a": "fine"}]')
    assert [row["a"] for row in rows] == ["fine", "\udcff\udcfe", "fine"]


def test_a_large_file_takes_little_memory(tmp_path):
    row = json.dumps(extended_row())
    path = tmp_path / "large.json"
    with path.open("w") as file:
        file.write("[" + row)
        for _ in range(60_000):
            file.write("," + row)
        file.write("]")
    assert path.stat().st_size > 40_000_000
    with path.open("rb") as file:
        rows = read_rows(file)
        next(rows)
        tracemalloc.start()
        for place, _ in enumerate(rows):
            if place == 10_000:
                break
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 10_000_000


# What a row tells.


def test_an_extended_row_tells_a_play_and_nothing_else():
    play = read_play(Shape.EXTENDED, extended_row(skipped=True, incognito_mode=True), ME)
    assert play.account == ME
    assert play.spotify_id == "4uLU6hMCjMI75M1A2tKUQC"
    assert (play.artist, play.title, play.album) == ("A Singer", "A Song", "An Album")
    assert play.end_time_ms == 1_677_906_367_000
    assert play.ms_played == 187_000
    assert play.country == "SE"
    assert (play.skipped, play.shuffle, play.offline) == (True, True, False)
    assert play.private_session
    assert not any(secret in str(play) for secret in PRIVATE)


def test_an_account_data_row_tells_a_play():
    play = read_play(Shape.ACCOUNT_DATA, account_row(), ME)
    assert (play.artist, play.title, play.spotify_id) == ("A Singer", "A Song", "")
    assert play.end_time_ms == 1_677_906_360_000
    assert play.ms_played == 187_000
    assert play.skipped is None


@pytest.mark.parametrize(
    "time", ["2023-03-04T05:06:07Z", "2023-03-04 05:06:07 UTC", "2023-03-04T06:06:07+01:00"]
)
def test_every_way_to_write_a_time_is_read(time):
    play = read_play(Shape.EXTENDED, extended_row(ts=time), ME)
    assert play.end_time_ms == 1_677_906_367_000


@pytest.mark.parametrize("began", [1_677_906_180, 1_677_906_180_000])
def test_a_play_without_its_end_takes_the_offline_start_in_either_unit(began):
    row = extended_row(ts=None, offline=True, offline_timestamp=began)
    assert read_play(Shape.EXTENDED, row, ME).end_time_ms == 1_677_906_367_000


@pytest.mark.parametrize("began", [None, 0, 1_677_906_180, 1_677_906_180_000])
def test_the_end_of_a_play_is_its_time_whatever_the_offline_timestamp(began):
    row = extended_row(offline=True, offline_timestamp=began)
    play = read_play(Shape.EXTENDED, row, ME)
    assert play.end_time_ms == 1_677_906_367_000
    assert play.offline


def test_a_row_with_every_optional_field_missing_is_a_play():
    bare = {
        "ts": "2023-03-04T05:06:07Z",
        "spotify_track_uri": "spotify:track:4uLU6hMCjMI75M1A2tKUQC",
    }
    play = read_play(Shape.EXTENDED, bare, ME)
    assert play.ms_played is None
    assert play.country == ""
    assert play.skipped is play.shuffle is None
    assert not play.private_session


def test_nulls_are_unknown():
    required = ("ts", "spotify_track_uri")
    row = {name: value if name in required else None for name, value in extended_row().items()}
    play = read_play(Shape.EXTENDED, row, ME)
    assert (play.ms_played, play.skipped, play.shuffle) == (None, None, None)


def test_a_local_file_is_known_by_its_names():
    row = extended_row(spotify_track_uri="spotify:local:A+Singer:An+Album:A+Song:187")
    assert read_play(Shape.EXTENDED, row, ME).spotify_id == ""


NO_TRACK = {
    "master_metadata_track_name": None,
    "master_metadata_album_artist_name": None,
    "master_metadata_album_album_name": None,
    "spotify_track_uri": None,
}


@pytest.mark.parametrize(
    ("shape", "row", "why"),
    [
        (
            Shape.EXTENDED,
            extended_row(**NO_TRACK, spotify_episode_uri="spotify:episode:x", episode_name="E"),
            "podcast",
        ),
        (
            Shape.EXTENDED,
            extended_row(**{**NO_TRACK, "spotify_track_uri": "spotify:episode:x"}),
            "podcast",
        ),
        (Shape.EXTENDED, extended_row(**NO_TRACK, audiobook_title="B"), "audiobook"),
        (Shape.EXTENDED, extended_row(**NO_TRACK), "names no track"),
        (Shape.ACCOUNT_DATA, account_row(artistName=None), "names no track"),
        (
            Shape.ACCOUNT_DATA,
            {"endTime": "2023-03-04 05:06", "podcastName": "P", "episodeName": "E", "msPlayed": 1},
            "podcast",
        ),
    ],
)
def test_what_is_no_play_of_a_track_is_skipped_with_why(shape, row, why):
    with pytest.raises(Skipped, match=why):
        read_play(shape, row, ME)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"ts": "yesterday"}, "ts is no time"),
        ({"ts": 5}, "ts is no time"),
        ({"ts": "1955-01-01T00:00:00Z"}, "ts is before 1970"),
        ({"ts": None, "ms_played": None}, "no ts"),
        ({"ms_played": "long"}, "ms_played is no whole number"),
        ({"ms_played": -1}, "ms_played is negative"),
        ({"ms_played": 2**40}, "ms_played is negative or too many"),
        ({"ms_played": True}, "ms_played is no whole number"),
        ({"conn_country": "203.0.113.77"}, "conn_country is no country"),
        ({"spotify_track_uri": "spotify:track:short"}, "names no track"),
        ({"spotify_track_uri": "spotify:track:ZZZZZZZZZZZZZZZZZZZZZZ"}, "names no track"),
        ({"spotify_track_uri": 7}, "spotify_track_uri is no text"),
        ({"master_metadata_track_name": ["x"]}, "master_metadata_track_name is no text"),
        ({"master_metadata_track_name": "\udcff"}, "master_metadata_track_name is no UTF-8"),
        ({"skipped": "perhaps"}, "skipped is neither true nor false"),
    ],
)
def test_a_row_that_cannot_be_read_says_which_field_and_quotes_nothing(fields, reason):
    with pytest.raises(RowError, match=reason) as caught:
        read_play(Shape.EXTENDED, extended_row(**fields), ME)
    assert not any(secret in str(caught.value) for secret in PRIVATE)


# Files, folders and zips.


def test_exports_are_found_in_folders_and_zips_by_their_names(tmp_path):
    rows = [extended_row()]
    write_json(tmp_path / "deep" / "down" / "Streaming_History_Audio_2020-2021_1.json", rows)
    write_json(tmp_path / "deep" / "endsong_0.json", rows)
    write_json(tmp_path / "StreamingHistory0.json", [account_row()])
    write_json(tmp_path / "Userdata.json", [])
    write_json(tmp_path / "Streaming_History_Video_2020.json", rows)
    (tmp_path / "ReadMeFirst.pdf").write_bytes(b"%PDF")
    write_zip(
        tmp_path / "my_spotify_data.zip",
        {
            "MyData/StreamingHistory_music_0.json": [account_row()],
            "MyData/StreamingHistory_podcast_0.json": [],
            "__MACOSX/MyData/._StreamingHistory_music_0.json": [],
            "MyData/Playlist1.json": [],
        },
    )
    found = find_files([tmp_path])
    assert sorted(file.file_name for file in found.plays) == [
        "StreamingHistory0.json",
        "StreamingHistory_music_0.json",
        "StreamingHistory_podcast_0.json",
        "Streaming_History_Audio_2020-2021_1.json",
        "endsong_0.json",
    ]
    assert found.videos == 1


def test_part_ten_comes_after_part_nine(tmp_path):
    for part in (10, 9, 1):
        write_json(tmp_path / f"endsong_{part}.json", [extended_row(ts=at(part))])
    names = [file.file_name for file in find_files([tmp_path]).plays]
    assert names == ["endsong_1.json", "endsong_9.json", "endsong_10.json"]


def test_a_file_that_is_named_itself_may_be_called_anything(tmp_path):
    path = write_json(tmp_path / "renamed.txt", [extended_row()])
    reports, sink = take(path)
    assert reports[0].counts.taken == len(sink.plays) == 1


def test_a_place_without_an_export_says_what_was_looked_for(tmp_path):
    with pytest.raises(SourceError, match="no file of an export"):
        find_files([tmp_path])
    with pytest.raises(SourceError, match="No such file"):
        find_files([tmp_path / "nothing.json"])


def test_a_truncated_zip_says_so(tmp_path):
    path = write_zip(tmp_path / "my_spotify_data.zip", {"endsong_0.json": [extended_row()] * 99})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SourceError, match=r"my_spotify_data\.zip is no zip, or is cut short"):
        find_files([path])


def test_a_damaged_zip_writes_nothing(tmp_path):
    rows = [extended_row(ts=at(second)) for second in range(500)]
    path = write_zip(tmp_path / "data.zip", {"endsong_0.json": rows, "endsong_1.json": rows})
    content = bytearray(path.read_bytes())
    middle = content.index(b"endsong_1.json") + 400
    content[middle] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"nothing was imported:\s.*endsong_1\.json is damaged"):
        take(path)


def test_a_zip_with_a_password_says_so(tmp_path):
    path = write_zip(tmp_path / "data.zip", {"endsong_0.json": [extended_row()]})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(SourceError, match="password"):
        find_files([path])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('[{"name": "a playlist"}]', "none of a Spotify export"),
        ('{"playlists": []}', "does not hold a JSON array"),
        ("user,time\n", "does not hold a JSON array"),
        ("", "does not hold a JSON array"),
        ('[{"ts": "2023-03-04T05:06:07Z", "ms_played": 5}', "cut short"),
    ],
)
def test_a_file_that_is_no_export_stops_the_import_before_it_begins(tmp_path, content, why):
    write_json(tmp_path / "endsong_0.json", [extended_row()])
    (tmp_path / "endsong_1.json").write_text(content)
    sink = Remembering()
    with pytest.raises(SourceError, match=rf"nothing was imported:\s.*endsong_1\.json: .*{why}"):
        take(tmp_path, sink=sink)
    assert not sink.batches


def test_two_people_are_never_taken_for_one(tmp_path):
    write_json(tmp_path / "endsong_0.json", [extended_row(username="one")])
    write_json(tmp_path / "endsong_1.json", [extended_row(username="other")])
    with pytest.raises(SourceError, match="of 2 people") as caught:
        take(tmp_path)
    assert "other" not in str(caught.value)


# What an import does.


def test_an_import_takes_plays_and_tells_of_the_rest(tmp_path):
    rows = [
        extended_row(ts=at(1)),
        extended_row(ts=at(1)),
        extended_row(ts=at(2), **NO_TRACK, episode_name="E"),
        extended_row(ts=at(3), **NO_TRACK),
        extended_row(ts="garbage"),
        extended_row(ts=at(4), incognito_mode=True),
        extended_row(ts="garbage"),
    ]
    path = write_json(tmp_path / "Streaming_History_Audio_2023_0.json", rows)
    (report,), sink = take(path)
    assert (report.counts.taken, report.counts.duplicate, report.counts.malformed) == (2, 1, 2)
    assert dict(report.skipped) == {"podcast": 1, "names no track": 1}
    assert [(reason, bad.first, bad.count) for reason, bad in report.malformed.items()] == [
        ("ts is no time", 5, 2)
    ]
    assert report.complete
    assert sink.batches[0].data_set == "history"
    assert sink.batches[0].plays.private.tolist() == [False, False, True]


def test_nothing_private_reaches_the_writer(tmp_path):
    path = write_zip(tmp_path / "data.zip", {"endsong_0.json": [extended_row(), account_row()]})
    _, sink = take(path, account="somebody")
    batch = sink.batches[0]
    seen = repr(
        (batch.source, batch.cursor, batch.plays.accounts, batch.plays.tracks, batch.malformed)
    )
    assert not any(secret in seen for secret in PRIVATE)
    assert "somebody" not in batch.source
    assert "somebody" not in str(batch.cursor)


def test_importing_twice_changes_nothing(tmp_path):
    path = write_json(
        tmp_path / "endsong_0.json", [extended_row(ts=at(second)) for second in range(50)]
    )
    _, sink = take(path)
    before = list(sink.plays)
    (again,), _ = take(path, sink=sink)
    assert again.done_before == 50
    assert not again.counts.taken
    (forced,), _ = take(path, sink=sink, from_start=True)
    assert forced.counts.duplicate == 50
    assert sink.plays == before


def test_an_import_that_was_interrupted_goes_on_where_it_stood(tmp_path):
    rows = [extended_row(ts=at(second)) for second in range(1_000)]
    path = write_json(tmp_path / "endsong_0.json", rows)
    checked = check_files(find_files([path]).plays, ME).files[0]
    sink = Remembering(fail_after=3)
    with pytest.raises(ConnectionError):
        run_source(HistorySource(checked, ME, rows_per_batch=100), sink)
    source = HistorySource(checked, ME, rows_per_batch=100)
    rest = Remembering()
    rest.cursors.update(sink.cursors)
    run_source(source, rest)
    assert source.report.done_before == 300
    assert len(sink.plays + rest.plays) == len(set(sink.plays + rest.plays)) == 1_000


def test_an_import_stops_between_batches_when_asked(tmp_path):
    rows = [extended_row(ts=at(second)) for second in range(50)]
    path = write_json(tmp_path / "endsong_0.json", rows)
    importing = HistoryImport(check_files(find_files([path]).plays, ME), ME)
    sink = Remembering()
    importing.run(sink, stopped=lambda: True)
    assert not sink.batches
    assert not importing.complete


def test_the_same_content_twice_is_read_once(tmp_path):
    write_json(tmp_path / "endsong_0.json", [extended_row()])
    write_json(tmp_path / "copy" / "endsong_0.json", [extended_row()])
    export = check_files(find_files([tmp_path]).plays, ME)
    assert len(export.files) == len(export.repeated) == 1


def test_another_account_is_another_source(tmp_path):
    path = write_json(tmp_path / "endsong_0.json", [extended_row()])
    _, sink = take(path)
    _, sink = take(path, sink=sink, account="another")
    assert {play[0] for play in sink.plays} == {ME, "another"}
    assert len(sink.cursors) == 2


def test_account_data_is_left_out_where_the_extended_history_tells_the_same_plays(tmp_path):
    write_json(
        tmp_path / "endsong_0.json",
        [extended_row(ts="2023-03-04T05:06:07Z"), extended_row(ts="2023-03-05T00:00:00Z")],
    )
    write_json(
        tmp_path / "StreamingHistory0.json",
        [
            account_row(endTime="2023-03-04 05:05"),
            account_row(endTime="2023-03-04 05:06"),
            account_row(endTime="2023-03-05 00:00"),
            account_row(endTime="2023-03-05 00:01"),
        ],
    )
    reports, _ = take(tmp_path)
    by_name = {report.checked.file.file_name: report for report in reports}
    account_data = by_name["StreamingHistory0.json"]
    assert account_data.counts.taken == 2
    assert sum(account_data.skipped.values()) == 2
    assert by_name["endsong_0.json"].counts.taken == 2


def test_an_export_without_rows_is_an_export(tmp_path):
    path = write_json(tmp_path / "StreamingHistory0.json", [])
    (report,), sink = take(path)
    assert report.complete
    assert not sink.batches


def test_what_is_unknown_is_not_marked_as_known(tmp_path):
    path = write_json(
        tmp_path / "endsong_0.json",
        [{"ts": at(1), "spotify_track_uri": "spotify:track:4uLU6hMCjMI75M1A2tKUQC"}],
    )
    _, sink = take(path)
    assert sink.batches[0].plays.flags.tolist() == [0]
    assert np.count_nonzero(sink.batches[0].plays.flags & wire.MS_PLAYED_KNOWN) == 0


def test_a_real_extended_history_is_taken_whole(tmp_path, real_data):
    with gzip.open(real_data / "spotify_extended_listens.csv.gz", "rt", encoding="utf-8") as file:
        log = list(csv.DictReader(file))
    rows = from_real_log(log)
    half = len(rows) // 2
    path = write_zip(
        tmp_path / "my_spotify_data.zip",
        {"MyData/endsong_2.json": rows[:half], "MyData/endsong_3.json": rows[half:]},
    )
    assert zipfile.is_zipfile(path)
    reports, sink = take(path)
    with_track = [row for row in log if row["spotify_track_uri"]]
    distinct = {(row["ts"], row["ms_played"], row["spotify_track_uri"]) for row in with_track}
    assert sum(report.counts.taken for report in reports) == len(distinct) == len(sink.plays)
    assert sum(report.skipped["names no track"] for report in reports) == len(log) - len(with_track)
    assert not any(report.malformed for report in reports)
