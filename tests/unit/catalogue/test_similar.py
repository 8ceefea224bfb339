import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.catalogue import Catalogue, SimilarTracks, read_catalogue
from sottovoce.sketches.errors import (
    CorruptSketch,
    InvalidParameter,
    NewerVersion,
    ParametersDiffer,
    TruncatedSketch,
)

feature = st.one_of(st.just(float("nan")), st.floats(-10, 10, width=32))
tracks = st.lists(
    st.tuples(st.integers(0, 20), st.tuples(feature, feature, feature)), min_size=1, max_size=12
)


def index(items, **parameters):
    found = SimilarTracks(**parameters)
    if items:
        found.update([i for i, _ in items], [f for _, f in items])
    return found


@pytest.fixture(scope="module")
def catalogue(made_up_data):
    return read_catalogue(made_up_data / "spotify_tracks.csv")[0]


@given(tracks, st.randoms(), st.integers(0, 12))
def test_content_depends_on_the_tracks_alone_not_on_order_batches_or_merges(items, random, cut):
    whole = index(items)
    shuffled = random.sample(items, len(items))
    left, right = index(shuffled[:cut]), index(shuffled[cut:])
    left.merge(right)
    assert left == whole
    one_by_one = SimilarTracks()
    for item in shuffled:
        one_by_one.update([item[0]], [item[1]])
    assert one_by_one.payload() == whole.payload()
    again = index(items)
    again.merge(whole)
    assert again == whole


@given(tracks)
def test_bytes_give_the_same_index_back(items):
    first = index(items, bands=3, rows=5, seed=9)
    second = SimilarTracks.from_bytes(first.to_bytes())
    assert second == first
    assert (second.bands, second.rows, second.seed) == (3, 5, 9)
    assert second.to_bytes() == first.to_bytes()


def test_every_flipped_bit_and_every_cut_is_an_error():
    data = SimilarTracks([1, 2], [[0.5, 1.5], [2.5, 3.5]]).to_bytes()
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((CorruptSketch, NewerVersion)):
            SimilarTracks.from_bytes(bytes(changed))
    for length in range(len(data)):
        with pytest.raises(TruncatedSketch):
            SimilarTracks.from_bytes(data[:length])


@given(tracks, st.tuples(feature, feature, feature).filter(lambda f: not np.isnan(f).all()))
def test_a_query_has_exact_similarities_in_order_and_as_many_as_there_are(items, wanted):
    found = index(items)
    answer = found.query(wanted, k=5)
    assert len(answer) == min(5, len(found))
    similarities = [each.similarity for each in answer]
    assert similarities == sorted(similarities, reverse=True)
    exact = {each.id: each.similarity for each in found.scan(wanted, k=len(found))}
    for each in answer:
        assert each.similarity == pytest.approx(exact[each.id], abs=1e-6)


def test_similarity_is_the_cosine_of_standardised_features():
    features = np.random.default_rng(1).normal([5, -3, 100], [1, 20, 3], size=(50, 3))
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    standard /= np.linalg.norm(standard, axis=1, keepdims=True)
    for found in SimilarTracks(features=features).scan(7, k=49):
        assert found.similarity == pytest.approx(standard[7] @ standard[found.id], abs=1e-5)


def test_a_track_is_not_its_own_neighbour_but_its_twin_is():
    found = SimilarTracks([1, 2, 3], [[1.0, 2.0], [1.0, 2.0], [3.0, 1.0]]).query(1, k=5)
    assert [each.id for each in found] == [2, 3]
    assert found[0].similarity == pytest.approx(1)


def test_a_catalogue_is_indexed_by_track_key(catalogue):
    found = SimilarTracks.from_catalogue(catalogue)
    assert len(found) == len(catalogue)
    key = int(catalogue.keys[5])
    answer = found.query(key)
    assert len(answer) == 10
    assert key not in {each.id for each in answer}
    assert (catalogue.rows([each.id for each in answer]) >= 0).all()
    by_features = found.query(catalogue.features[5], k=1)
    assert by_features[0].id == key


def test_tracks_without_features_are_left_out():
    found = SimilarTracks([1, 2], [[np.nan, np.nan], [np.nan, 1.0]])
    assert found.ids.tolist() == [2]
    assert len(SimilarTracks.from_catalogue(Catalogue.empty())) == 0


def test_an_empty_index_answers_with_nothing():
    empty = SimilarTracks()
    assert empty.query([1.0, 2.0]) == empty.scan([1.0, 2.0]) == []
    assert empty.looked_at([1.0, 2.0]) == 0
    assert empty.estimate().value == 0
    assert SimilarTracks.from_bytes(empty.to_bytes()) == empty
    empty.merge(SimilarTracks())
    empty.merge(SimilarTracks([1], [[1.0]]))
    assert empty.ids.tolist() == [1]


def test_a_larger_similarity_is_likelier_found():
    found = SimilarTracks()
    chances = [found.chance_of_finding(s) for s in (-1, 0, 0.5, 0.9, 0.95, 1)]
    assert chances == sorted(chances)
    assert chances[0] == 0
    assert chances[-1] == 1
    assert SimilarTracks(bands=1, rows=1).chance_of_finding(0) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda: SimilarTracks(bands=0), "bands must lie"),
        (lambda: SimilarTracks(rows=33), "rows in 1..32"),
        (lambda: SimilarTracks(seed=-1), "seed in 64 bits"),
        (lambda: SimilarTracks(ids=[1]), "ids were given without features"),
        (lambda: SimilarTracks([1], [1.0]), "features \\(n, d\\)"),
        (lambda: SimilarTracks([1, 2], [[1.0]]), "ids must be"),
        (lambda: SimilarTracks([1], [[np.inf]]), "infinite"),
        (lambda: SimilarTracks([1], [[1.0]]).update([2], [[1.0, 2.0]]), "2 features"),
        (lambda: SimilarTracks([1], [[1.0]]).query(2), "no track with the id 2 among the 1"),
        (lambda: SimilarTracks([1], [[1.0]]).query(-1), "no track with the id -1"),
        (lambda: SimilarTracks([1], [[1.0]]).query(2**64), "no track with the id"),
        (lambda: SimilarTracks([1], [[1.0]]).query([1.0, 2.0]), "has 1 features here"),
        (lambda: SimilarTracks([-1], [[1.0]]), "ids must be integers"),
        (lambda: SimilarTracks([1.5], [[1.0]]), "ids must be integers"),
        (lambda: SimilarTracks([1], [["loud"]]), "features must be numbers"),
        (lambda: SimilarTracks([1], [[1.0]]).query("loud"), "features must be numbers"),
        (lambda: SimilarTracks([1], [[1.0]]).query([np.nan]), "at least one known feature"),
    ],
)
def test_misuse_is_told(act, reason):
    with pytest.raises(InvalidParameter, match=reason):
        act()


def test_only_like_indexes_merge():
    with pytest.raises(ParametersDiffer, match="different parameters"):
        SimilarTracks(seed=1).merge(SimilarTracks(seed=2))
    with pytest.raises(ParametersDiffer, match="1 and with 2 features"):
        SimilarTracks([1], [[1.0]]).merge(SimilarTracks([1], [[1.0, 2.0]]))


def test_the_format_never_changes():
    data = SimilarTracks([3, 1], [[0.5, np.nan], [-0.0, 2.0]], bands=2, rows=3, seed=4).to_bytes()
    assert data.hex() == (
        "73764001012b0000008a08827f28b52ffd2032150100c002000300040002"
        "00020000000103003f000000400000c07f0300b8836366338022"
    )
