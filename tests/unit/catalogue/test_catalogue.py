import hashlib

import numpy as np
import pyarrow as pa
import pytest

from sottovoce.catalogue import (
    FEATURES,
    NO_ARTIST,
    UNKNOWN,
    Catalogue,
    CatalogueError,
    artist_key,
    name_track_id,
    read_catalogue,
    spotify_id_to_int,
)
from sottovoce.catalogue.content import SCHEMA


def table(*tracks):
    empty = dict.fromkeys(SCHEMA.names)
    rows = [empty | {"high": 0, "artists": [], "genres": []} | track for track in tracks]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@pytest.fixture(scope="module")
def catalogue(made_up_data):
    return read_catalogue(made_up_data / "spotify_tracks.csv")[0]


def test_every_track_is_found_by_its_key(catalogue):
    assert catalogue.rows(catalogue.keys).tolist() == list(range(len(catalogue)))


def test_an_id_from_the_file_leads_to_the_facts_of_its_line(catalogue, made_up_data):
    line = (made_up_data / "spotify_tracks.csv").read_text(encoding="utf-8").splitlines()[1]
    fields = line.split(",")
    row = catalogue.row(spotify_id_to_int(fields[0])[1])
    assert catalogue.track_id(row) == fields[0]
    assert catalogue.name(row) == fields[1]
    assert catalogue.artists(row) == (fields[2],)
    assert catalogue.genres[catalogue.primary_genre[row]] == fields[7]
    assert catalogue.genres_of(row) == tuple(fields[8].split("|"))
    assert (catalogue.popularity[row], catalogue.duration_ms[row]) == (50, 228141)
    assert catalogue.features[row, FEATURES.index("tempo")] == np.float32(130.967)


def test_unknown_keys_have_no_row(catalogue):
    keys = np.array([0, 1, 2**64 - 1, int(catalogue.keys[3])], np.uint64)
    assert catalogue.rows(keys).tolist() == [UNKNOWN, UNKNOWN, UNKNOWN, 3]
    assert catalogue.rows([]).shape == (0,)
    assert catalogue.rows(keys.reshape(2, 2)).shape == (2, 2)


def test_a_track_is_found_by_its_names_too(catalogue):
    row = next(r for r in range(len(catalogue)) if catalogue.name(r) == "Invented Song 15")
    alias = name_track_id(catalogue.artists(row)[0].upper(), " invented  song 15")
    assert catalogue.row(alias[1]) == row


def test_names_lead_to_the_most_popular_track_and_then_to_the_smallest_id():
    tracks = [
        {"low": 9, "high": 0, "popularity": 5},
        {"low": 8, "high": 1, "popularity": 7},
        {"low": 7, "high": 2, "popularity": 7},
        {"low": 6, "high": 0, "popularity": None},
    ]
    catalogue = Catalogue.from_table(table(*(t | {"name": "T", "artists": ["A"]} for t in tracks)))
    assert catalogue.row(name_track_id("a", "t")[1]) == catalogue.row(8)


def test_a_tracks_own_key_goes_before_the_names_of_another():
    alias = name_track_id("A", "T")[1]
    catalogue = Catalogue.from_table(
        table({"low": 1, "name": "T", "artists": ["A"], "popularity": 99}, {"low": alias})
    )
    assert catalogue.rows([1, alias]).tolist() == [
        list(catalogue.keys).index(1),
        list(catalogue.keys).index(alias),
    ]
    assert catalogue.row(1) != catalogue.row(alias)


def test_the_primary_artist_gives_the_key_and_the_most_popular_track_its_spelling():
    catalogue = Catalogue.from_table(
        table(
            {"low": 1, "artists": ["ARTIST", "Guest"], "popularity": 1},
            {"low": 2, "artists": ["Artist"], "popularity": 2},
            {"low": 3},
        )
    )
    key = artist_key("artist")
    assert catalogue.artist_key.tolist() == [key, key, NO_ARTIST]
    assert catalogue.artist_keys.tolist() == [key]
    assert catalogue.artist_names([key, NO_ARTIST, 5, artist_key("Guest")]) == [
        "Artist",
        None,
        None,
        None,
    ]


def test_what_is_unknown_stays_unknown():
    catalogue = Catalogue.from_table(table({"low": 1}))
    assert catalogue.name(0) == ""
    assert catalogue.artists(0) == ()
    assert catalogue.primary_genre[0] == UNKNOWN
    assert catalogue.popularity[0] == UNKNOWN
    assert catalogue.duration_ms[0] == UNKNOWN
    assert np.isnan(catalogue.features).all()
    assert catalogue.genres == ()


def test_the_empty_catalogue_knows_nothing():
    empty = Catalogue.empty()
    assert len(empty) == 0
    assert empty.rows([1, 2]).tolist() == [UNKNOWN, UNKNOWN]
    assert empty.artist_names([1]) == [None]
    assert empty.features.shape == (0, len(FEATURES))


def test_nothing_can_be_changed(catalogue):
    for array in (catalogue.keys, catalogue.features, catalogue.artist_key):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        catalogue.version = ""


def test_the_version_does_not_depend_on_how_the_table_is_cut_or_ordered(catalogue):
    backwards = catalogue.table.take(pa.array(range(len(catalogue))[::-1]))
    chunked = pa.concat_tables([backwards.slice(0, 5), backwards.slice(5)])
    assert chunked.column(0).num_chunks == 2
    assert Catalogue.from_table(chunked) == catalogue
    assert hash(Catalogue.from_table(chunked)) == hash(catalogue)


@pytest.mark.parametrize(
    "change",
    [
        {"high": 1},
        {"low": 2},
        {"name": "U"},
        {"name": ""},
        {"name": None},
        {"artists": ["AB"]},
        {"artists": ["A", "B", ""]},
        {"artists": ["B", "A"]},
        {"artists": []},
        {"primary_genre": None},
        {"primary_genre": "pop"},
        {"genres": ["rock"]},
        {"popularity": 0},
        {"popularity": None},
        {"duration_ms": 2},
        {"tempo": None},
        {"energy": 0.25},
        {"energy": 0.0},
    ],
)
def test_every_change_of_content_changes_the_version(change):
    track = {
        "low": 1,
        "name": "T",
        "artists": ["A", "B"],
        "primary_genre": "rock",
        "genres": ["rock", "pop"],
        "popularity": 1,
        "duration_ms": 1,
        "tempo": 1.0,
    }
    first, second = Catalogue.from_table(table(track)), Catalogue.from_table(table(track | change))
    assert first != second


def test_forms_of_the_same_content_have_one_version():
    plain = {"low": 1, "primary_genre": "rock", "genres": ["pop", "rock"], "energy": 0.0}
    odd = plain | {"genres": ["rock", "pop", "pop"], "energy": -0.0, "tempo": float("nan")}
    assert Catalogue.from_table(table(plain)) == Catalogue.from_table(table(odd))
    odd["genres"] = ["pop"]  # the primary is one of them in any case
    assert Catalogue.from_table(table(plain)) == Catalogue.from_table(table(odd))


def test_the_version_of_a_known_file_never_changes(catalogue):
    assert catalogue.version == "7052c3c10826c2e091d5095aa40019c9b415b301e34bef206b7947d7c33b542c"
    assert len(bytes.fromhex(catalogue.version)) == hashlib.sha256().digest_size


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (pa.table({"x": [1]}), "lacks high, low, name"),
        (table({"low": 1, "high": 1}, {"low": 1, "high": 2}), "share their track key"),
        (table({"low": 1}).set_column(0, "high", pa.array(["x"])), "is no catalogue"),
        (table({"low": 1}).set_column(0, "high", pa.array([None], pa.uint64())), "high is null"),
    ],
)
def test_a_table_that_is_no_catalogue_is_refused(bad, reason):
    with pytest.raises(CatalogueError, match=reason):
        Catalogue.from_table(bad)
