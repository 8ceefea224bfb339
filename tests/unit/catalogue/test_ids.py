import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.catalogue.ids import (
    ALPHABET,
    NO_ARTIST,
    TrackIdError,
    artist_key,
    artist_keys,
    int_to_spotify_id,
    name_track_id,
    name_track_ids,
    normalise_name,
    parse_spotify_ids,
    spotify_id_to_int,
    track_key,
)

halves = st.integers(0, 2**64 - 1)


@given(halves, halves)
def test_every_128_bit_number_survives_the_way_to_text_and_back(high, low):
    text = int_to_spotify_id(high, low)
    assert len(text) == 22
    assert spotify_id_to_int(text) == (high, low)


@given(
    st.lists(
        st.one_of(
            st.text(ALPHABET, min_size=22, max_size=22),
            st.text(max_size=30),
            st.tuples(halves, halves).map(lambda pair: int_to_spotify_id(*pair)),
        )
    )
)
def test_parsing_many_agrees_with_parsing_one(texts):
    high, low, valid = parse_spotify_ids(texts)
    for text, *found in zip(texts, high, low, valid, strict=True):
        try:
            expected = (*spotify_id_to_int(text), True)
        except TrackIdError:
            expected = (0, 0, False)
        assert tuple(int(part) for part in found) == expected


def test_digits_come_before_lower_case_and_that_before_upper_case():
    digits = [spotify_id_to_int("0" * 21 + character)[1] for character in "09azAZ"]
    assert digits == [0, 9, 10, 35, 36, 61]


def test_the_greatest_id_is_read_and_the_next_refused():
    greatest = int_to_spotify_id(2**64 - 1, 2**64 - 1)
    assert greatest == "7N42dgm5tFLK9N8MT7fHC7"
    with pytest.raises(TrackIdError, match="more than 128 bits"):
        spotify_id_to_int("7N42dgm5tFLK9N8MT7fHC8")
    assert not parse_spotify_ids(["7N42dgm5tFLK9N8MT7fHC8"])[2].any()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "0 characters instead of 22"),
        ("0" * 21, "21 characters"),
        ("0" * 23, "23 characters"),
        ("0" * 21 + "-", "'-' is none of"),
        ("0" * 21 + "é", "'é' is none of"),
        ("spotify:track:" + "0" * 22, "36 characters"),
    ],
)
def test_a_malformed_id_is_refused_with_what_is_wrong(text, reason):
    with pytest.raises(TrackIdError, match=reason):
        spotify_id_to_int(text)


def test_no_text_is_written_for_a_half_out_of_range():
    with pytest.raises(TrackIdError, match="each half"):
        int_to_spotify_id(0, 2**64)
    with pytest.raises(TrackIdError, match="each half"):
        int_to_spotify_id(-1, 0)


@pytest.mark.parametrize(
    ("artist", "title"),
    [
        ("IMAGINARY ÄRTIST", "invented SONG"),
        ("  imaginary\tärtist ", "Invented \n Song"),
        ("Imaginary A\u0308rtist", "\uff29nvented Song"),  # decomposed; a full-width letter
    ],
)
def test_spelling_does_not_change_a_name_id(artist, title):
    assert name_track_id(artist, title) == name_track_id("Imaginary Ärtist", "Invented Song")


def test_where_the_artist_ends_matters():
    assert name_track_id("a b", "c") != name_track_id("a", "b c")
    assert name_track_id("a\x1fb", "c") != name_track_id("a", "b\x1fc")


def test_name_ids_and_artist_keys_never_change():
    high, low = name_track_id("Imaginary Artist 01", "Invented Song 01")
    assert (f"{high:016x}", f"{low:016x}") == ("dc1729dc7a9d4b00", "8b296177125e3554")
    assert f"{artist_key('Imaginary Artist 01'):016x}" == "0110ffdaa268bab3"


@pytest.mark.parametrize(("artist", "title"), [("", "x"), ("x", ""), (" \t", "x"), ("x", "\x1f")])
def test_nameless_tracks_have_no_name_id(artist, title):
    with pytest.raises(TrackIdError, match="name no track"):
        name_track_id(artist, title)
    assert not name_track_ids([artist], [title])[2].any()


@given(st.lists(st.tuples(st.none() | st.text(max_size=5), st.none() | st.text(max_size=5))))
def test_naming_many_agrees_with_naming_one(pairs):
    high, low, named = name_track_ids([a for a, _ in pairs], [t for _, t in pairs])
    keys = artist_keys([a for a, _ in pairs])
    for i, (artist, title) in enumerate(pairs):
        assert int(keys[i]) == artist_key(artist or "")
        if named[i]:
            assert (int(high[i]), int(low[i])) == name_track_id(artist, title)
        else:
            assert not normalise_name(artist or "") or not normalise_name(title or "")


@given(st.text())
def test_normalising_twice_is_normalising_once(name):
    assert normalise_name(normalise_name(name)) == normalise_name(name)


def test_a_name_with_half_a_character_is_refused():
    with pytest.raises(TrackIdError, match="half a character"):
        name_track_id("artist\ud800", "title")
    with pytest.raises(TrackIdError, match="half a character"):
        artist_key("artist\udcff")


def test_nobody_has_the_key_of_no_artist():
    assert artist_key(" ") == NO_ARTIST
    assert artist_key("x") != NO_ARTIST


def test_a_track_key_is_the_low_half():
    assert track_key(5) == np.uint64(5)
    low = np.array([1, 2**64 - 1], np.uint64)
    assert (track_key(low) == low).all()
