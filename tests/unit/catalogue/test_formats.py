import csv
import gzip
import io
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.catalogue import FEATURES, UNKNOWN, CatalogueError, read_catalogue

ID_A, ID_B = "0000000000000000000001", "0000000000000000000002"
HEADER = ["track_id", "artists", "track_name", "track_genre", "popularity", "duration_ms", "tempo"]


@pytest.fixture
def write(tmp_path):
    def write(rows, header=HEADER, name="tracks.csv"):
        text = io.StringIO()
        csv.writer(text).writerows([header, *rows])
        path = tmp_path / name
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
        return path

    return write


def row(
    track_id=ID_A, artists="A;B", name="T", genre="rock", popularity=1, duration=1000, tempo=99
):
    return [track_id, artists, name, genre, popularity, duration, tempo]


def test_a_track_with_a_row_for_each_genre_is_one_track(write):
    catalogue, report = read_catalogue(write([row(genre=g) for g in ("rock", "folk", "rock")]))
    assert len(catalogue) == 1
    assert catalogue.genres_of(0) == ("folk", "rock")
    assert catalogue.genres[catalogue.primary_genre[0]] == "rock"
    assert (report.rows, report.tracks, report.repeated) == (3, 1, 2)
    assert report.genres == {"rock": 1}


def test_among_genres_that_are_as_common_the_first_of_the_alphabet_is_primary(write):
    catalogue, _ = read_catalogue(write([row(genre=g) for g in ("rock", "folk")]))
    assert catalogue.genres[catalogue.primary_genre[0]] == "folk"


def test_the_most_popular_row_of_a_track_tells_the_rest(write):
    rows = [row(popularity=5, name="old"), row(popularity=9, name="new"), row(popularity="")]
    catalogue, _ = read_catalogue(write(rows))
    assert (catalogue.name(0), catalogue.popularity[0]) == ("new", 9)


def test_artists_are_split_and_the_first_is_the_primary(write):
    catalogue, _ = read_catalogue(write([row(artists=" A ; B;")]))
    assert catalogue.artists(0) == ("A", "B")


def test_rows_without_a_usable_id_are_refused_and_counted(write):
    rows = [row(), row("bad"), row("z" * 22), row("", artists=""), row("", name=" ")]
    catalogue, report = read_catalogue(write(rows))
    assert len(catalogue) == 1
    assert report.refused == {
        "track id is not 22 digits of base 62": 2,
        "no track id, and no artist and title to make one from": 2,
    }
    assert report.repeated == 0


def test_a_row_without_an_id_is_named_by_artist_and_title(write):
    catalogue, report = read_catalogue(write([row("")]))
    other, _ = read_catalogue(write([row("", artists="a", name=" t")]))
    assert report.kept == {"no track id: named by artist and title": 1}
    assert catalogue.track_id(0) == other.track_id(0)


def test_a_row_with_another_number_of_fields_is_refused(write):
    catalogue, report = read_catalogue(write([row(), row(ID_B)[:-1], [*row(ID_B), "more"]]))
    assert len(catalogue) == 1
    assert report.rows == 3
    assert report.refused == {"row has too few or too many fields": 2}


def test_a_row_that_is_not_utf8_is_refused(write):
    path = write([row(), row(ID_B, name="caf@")])
    path.write_bytes(path.read_bytes().replace(b"caf@", b"caf\xe9"))
    catalogue, report = read_catalogue(path)
    assert len(catalogue) == 1
    assert report.refused == {"not UTF-8": 1}


def test_of_two_ids_with_one_track_key_the_smaller_stays(write):
    low_key_too = "00000000000lYGhA16ahyh"  # 2^64 + 1
    catalogue, report = read_catalogue(write([row(low_key_too), row(ID_A)]))
    assert catalogue.track_id(0) == ID_A
    assert report.refused == {"track key of another track": 1}
    assert (report.tracks, report.repeated) == (1, 0)


@pytest.mark.parametrize(
    "value", ["", "nan", "fast", "inf", "-1", "1e9", "1e999", "0x1", "1_0", "--1", "1;2"]
)
def test_what_is_no_possible_number_is_unknown(write, value):
    catalogue, report = read_catalogue(write([row(tempo=value, popularity=value, duration=value)]))
    assert np.isnan(catalogue.features[0, FEATURES.index("tempo")])
    assert catalogue.popularity[0] == UNKNOWN
    assert catalogue.table.column("tempo").null_count == 1
    assert {"tempo unknown", "popularity unknown"} <= report.kept.keys()
    if value != "1e9":
        assert catalogue.duration_ms[0] == UNKNOWN


def test_numbers_are_read_in_every_usual_form(write):
    rows = [row(tempo=" +1.5E2 ", popularity="7.0", duration="2e5")]
    catalogue, report = read_catalogue(write(rows))
    assert catalogue.features[0, FEATURES.index("tempo")] == 150
    assert (catalogue.popularity[0], catalogue.duration_ms[0]) == (7, 200_000)
    assert not any("tempo" in kept or "popularity" in kept for kept in report.kept)


def test_features_that_the_file_lacks_are_unknown_without_a_word(write):
    catalogue, report = read_catalogue(write([row()]))
    assert np.isnan(catalogue.features[0]).sum() == len(FEATURES) - 1
    assert not report.kept


def test_names_with_line_ends_and_quotes_survive(write):
    catalogue, _ = read_catalogue(write([row(name='one\ntwo, "three"')]))
    assert catalogue.name(0) == 'one\ntwo, "three"'


def test_packing_line_ends_and_byte_order_mark_do_not_matter(write, tmp_path):
    path = write([row(), row(ID_B)])
    plain, _ = read_catalogue(path)
    data = path.read_bytes()
    for name, variant in {
        "packed.csv.gz": gzip.compress(data),
        "packed-without-saying-so.csv": gzip.compress(data),
        "unix.csv": data.replace(b"\r\n", b"\n"),
        "mark.csv": b"\xef\xbb\xbf" + data,
        "no-last-line-end.csv": data.rstrip(),
    }.items():
        (tmp_path / name).write_bytes(variant)
        assert read_catalogue(tmp_path / name)[0] == plain, name


def test_a_file_that_is_no_catalogue_is_told_what_was_looked_for_and_found(write):
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(write([["x", "y"]], header=["user_id", "end_time"]))
    message = str(caught.value)
    assert "track_id, track_name, artists, track_genre" in message
    assert "track_id, track_name, track_artist, primary_genre, genres" in message
    assert "Found: user_id, end_time" in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no catalogue"),
        (b"\xff\xfe\x00", "does not begin with a header"),
        (",".join(HEADER).encode(), "holds no track: 0 rows"),
        (",".join(HEADER).encode() + b"\nbad,,,,,,\n", "1 x track id is not 22"),
        (",".join([*HEADER, "tempo"]).encode(), "column tempo more than once"),
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], "can't be read"),
    ],
)
def test_a_useless_file_is_refused_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "tracks.csv"
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match=reason):
        read_catalogue(path)


def test_a_file_that_is_not_there_is_a_catalogue_error(tmp_path):
    with pytest.raises(CatalogueError, match=r"nowhere\.csv can't be read"):
        read_catalogue(tmp_path / "nowhere.csv")


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_the_order_of_rows_changes_nothing(made_up_data, tmp_path_factory, seed):
    for name in ("kaggle_tracks.csv", "spotify_tracks.csv"):
        with (made_up_data / name).open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        random.Random(seed).shuffle(rows)
        path = tmp_path_factory.mktemp("shuffled") / name
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        catalogue, report = read_catalogue(path)
        expected, expected_report = read_catalogue(made_up_data / name)
        assert catalogue.table.equals(expected.table)
        assert catalogue.version == expected.version
        assert report == expected_report


def test_the_made_up_kaggle_file_is_read_as_its_readme_says(made_up_data):
    catalogue, report = read_catalogue(made_up_data / "kaggle_tracks.csv")
    assert (report.rows, report.tracks, report.repeated) == (50, 27, 20)
    assert sum(report.refused.values()) == 3
    assert report.kept["no artist"] == report.kept["no title"] == 1
    assert sum(report.genres.values()) == len(catalogue) == 27


def test_the_real_catalogue_is_kept_whole(real_data):
    catalogue, report = read_catalogue(real_data / "spotify_tracks.csv.gz")
    assert (report.rows, report.tracks, report.repeated, report.refused) == (28356, 28356, 0, {})
    assert report.kept == {"no artist": 4, "no title": 4}
    assert catalogue.genres == ("edm", "latin", "pop", "r&b", "rap", "rock")
    assert not np.isnan(catalogue.features).any()
