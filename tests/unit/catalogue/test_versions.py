import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.catalogue import Catalogue, CatalogueError, from_parts, read_catalogue, to_parts


@pytest.fixture(scope="module")
def catalogue(made_up_data):
    return read_catalogue(made_up_data / "kaggle_tracks.csv")[0]


@pytest.fixture(scope="module")
def parts(catalogue):
    parts = to_parts(catalogue, max_bytes=5_500)
    assert len(parts) > 2
    return parts


def test_parts_are_small_enough_and_give_the_catalogue_back(catalogue, parts):
    assert max(map(len, parts)) <= 5_500
    back = from_parts(parts, catalogue.version)
    assert back == catalogue
    assert back.table.equals(catalogue.table)


@given(st.data())
def test_parts_may_come_in_any_order_and_twice(catalogue, parts, data):
    order = data.draw(st.permutations(parts)) + data.draw(st.lists(st.sampled_from(parts)))
    assert from_parts(order, catalogue.version) == catalogue


def test_an_empty_catalogue_is_one_part():
    empty = Catalogue.empty()
    parts = to_parts(empty)
    assert len(parts) == 1
    assert from_parts(parts, empty.version) == empty


def test_a_missing_part_is_named(catalogue, parts):
    with pytest.raises(CatalogueError, match=r"1 of \d+ parts are missing, the first is part 1"):
        from_parts([parts[0], *parts[2:]], catalogue.version)
    with pytest.raises(CatalogueError, match="has no parts"):
        from_parts([], catalogue.version)


def test_parts_of_another_version_are_refused(catalogue, parts):
    other = Catalogue.from_table(catalogue.table.slice(1))
    with pytest.raises(CatalogueError, match=f"part of catalogue {other.version}"):
        from_parts([*parts, *to_parts(other)], catalogue.version)
    with pytest.raises(CatalogueError, match="stands among those of"):
        from_parts(parts, other.version)


def test_content_that_is_not_what_its_version_says_is_refused(catalogue):
    other = Catalogue.from_table(catalogue.table.slice(1))
    forged = to_parts(other)[0].replace(other.version.encode(), catalogue.version.encode())
    with pytest.raises(CatalogueError):
        from_parts([forged], catalogue.version)


@pytest.mark.parametrize("damaged", [b"", b"garbage", b"PAR1" * 4])
def test_bytes_that_are_no_part_are_refused(catalogue, damaged):
    with pytest.raises(CatalogueError, match="no part of catalogue"):
        from_parts([damaged], catalogue.version)


@given(st.data())
def test_no_flipped_bit_changes_a_catalogue_unnoticed(catalogue, parts, data):
    part = data.draw(st.integers(0, len(parts) - 1))
    bit = data.draw(st.integers(0, 8 * len(parts[part]) - 1))
    changed = bytearray(parts[part])
    changed[bit // 8] ^= 1 << bit % 8
    try:
        back = from_parts([*parts[:part], bytes(changed), *parts[part + 1 :]], catalogue.version)
    except CatalogueError:
        return
    assert back.table.equals(catalogue.table)  # a bit that says nothing about the content


def test_a_track_too_large_for_a_part_is_told(catalogue):
    with pytest.raises(CatalogueError, match="over the limit of 100"):
        to_parts(catalogue, max_bytes=100)
