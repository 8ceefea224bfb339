"""Do the intervals of answers hold the truth? From cells to estimates, through the release engine.

Every figure is asked about at nominal 95 % and must be held in 93 %. Populations are seeded, noise
never is. Each statistic gets at least 3,000 figures with noise of their own, for which a share of
.95 has a deviation of .004: below .93 by chance once in a few million runs.
"""

import numpy as np
import pytest
from tests.memory_log import SharedLog
from tests.privacy.made_up_gate import CODES, START, World, draw_heard
from tests.unit.query.crowd import make_catalogue

from sottovoce.catalogue import FEATURES
from sottovoce.cells import CellContent
from sottovoce.data_sets import DataSet
from sottovoce.sketches import Estimate
from sottovoce_query.figures import noisy_count
from sottovoce_query.gate import Series
from sottovoce_query.rpc.get_distribution import genre_shares
from sottovoce_query.sources import Source
from sottovoce_query.windows import Windows

pytestmark = pytest.mark.slow

LIVE = DataSet("live", True, 10_000, 60_000, 1, epoch=b"e" * 16, clock_guard_ms=0)
SLICES, LISTENERS, LISTENS, TRACKS = 1_000, 150, 1_200, 40
EPSILON = 20.0
"""Of a slice: so much that few intervals end at 0, where a wide one would cover anything."""
PANES = LIVE.panes_per_slice


@pytest.fixture(scope="module")
def catalogue():
    return make_catalogue(TRACKS)


@pytest.fixture(scope="module")
def heard():
    random = np.random.default_rng(11)
    return [draw_heard(random, LISTENERS, LISTENS, TRACKS, LIVE) for _ in range(SLICES)]


@pytest.fixture(scope="module")
def world(heard, catalogue):
    return World(heard, catalogue, LIVE, epsilon=EPSILON)


@pytest.fixture
def gates(world):
    """Make so many gates over the same cells, each with a fresh ledger and so with noise anew."""

    def make(count=1, **shares):
        return [
            world.replica(SharedLog(opened_at_ms=START), privacy_live_shares=shares).gate
            for _ in range(count)
        ]

    return make


def covered(estimates, truths):
    return [each.contains(float(true)) for each, true in zip(estimates, truths, strict=True)]


def require(held, least=3_000):
    assert len(held) >= least
    assert np.mean(held) >= 0.93


def panes_of(heard):
    return heard.offsets // LIVE.pane_ms


def test_plays_and_genres_of_slices_and_their_shares(world, heard, catalogue, gates):
    genres, plays, shares = [], [], []
    names = np.array([*catalogue.genres, "unknown"])
    for source in (Source(world.cells, gate, None) for gate in gates(3, genres=0.5)):
        for number, each in enumerate(heard):
            asked = world.range(number, number + 1)
            figures = source.gate.genres(asked)
            genre = names[catalogue.primary_genre[each.songs]]
            true = {name: int((genre == name).sum()) for name in figures.names.tolist()}
            genres += covered(figures.estimates(), true.values())
            plays += covered([source.gate.plays(asked)], [len(each)])
            told = genre_shares(source, asked)
            shares += covered(
                [Estimate(one.share.value, one.share.lower, one.share.upper) for one in told],
                [true[one.name] / len(each) for one in told],
            )
    require(genres)
    require(plays)
    require(shares)


def test_plays_of_single_panes_and_of_ranges_over_slices(world, heard, gates):
    (gate,) = gates(genres=0.5)
    by_pane = np.concatenate([np.bincount(panes_of(each), minlength=PANES) for each in heard])
    single, ranges = [], []
    for number in range(SLICES):
        steps = gate.series(world.range(number, number + 1), Series("all"), "step")
        truths = by_pane[number * PANES : (number + 1) * PANES]
        single += covered(
            [noisy_count(*each) for each in zip(steps.counts.tolist(), steps.noises, strict=True)],
            truths,
        )
    for first in range(0, len(by_pane) - 3, 3):
        truth = by_pane[first : first + 3].sum()
        ranges += covered([gate.plays(world.panes(first, first + 3))], [truth])
    require(single)
    require(ranges, 1_900)


def test_countries_of_slices(world, heard, gates):
    (gate,) = gates(countries=0.5)
    held = []
    for number, each in enumerate(heard):
        figures = gate.countries(world.range(number, number + 1))
        truths = np.zeros(len(figures), np.int64)
        np.add.at(truths, np.searchsorted(figures.names, CODES[each.places]), 1)
        some = np.isin(figures.names, CODES)  # of the others every interval that reaches 0 is right
        held += covered(figures.at(np.flatnonzero(some)).estimates(), truths[some])
    require(held)


def test_new_listeners_and_distinct_listeners_of_slices(world, heard, gates):
    arrivals, distinct = [], []
    for gate in gates(3, **{"new-listeners": 0.05}):
        for number, each in enumerate(heard):
            asked = world.range(number, number + 1)
            distinct += covered([gate.distinct_listeners(asked)], [len(np.unique(each.who))])
            _, first = np.unique(each.who, return_index=True)
            truths = np.bincount(panes_of(each)[first], minlength=PANES)
            steps = gate.series(asked, Series("new_listeners"), "step")
            found = zip(steps.counts.tolist(), steps.noises, strict=True)
            arrivals += covered([noisy_count(*one) for one in found], truths)
    require(arrivals)
    require(distinct)


@pytest.mark.parametrize(("listeners", "epsilon"), [(400, 4.0), (4_000, 8.0), (40_000, 80.0)])
def test_distinct_listeners_of_unions_sketch_error_and_noise_together(listeners, epsilon):
    """A third of each union's listeners is in both of its slices."""
    random = np.random.default_rng(listeners)
    held = []
    for _ in range(100):
        slices = []
        for _ in range(30):
            hashes = random.integers(0, 2**64, listeners, dtype=np.uint64)
            for some in (hashes[: 2 * listeners // 3], hashes[listeners // 3 :]):
                slices.append(CellContent())
                slices[-1].listeners.update_hashes(some)
        world = World(slices, epsilon=epsilon)
        gate = world.replica(privacy_live_shares={"reserve": 0.5}).gate
        held += covered(
            [gate.distinct_listeners(world.range(each, each + 2)) for each in range(0, 60, 2)],
            [listeners] * 30,
        )
    require(held)


def test_tracks_artists_and_their_listeners(world, heard, catalogue, gates):
    shares = {
        "tracks": 0.2,
        "artists": 0.2,
        "tracks-by-listeners": 0.2,
        "artists-by-listeners": 0.2,
    }
    (gate,) = gates(**shares)
    held = {name: [] for name in shares}
    for number, each in enumerate(heard):
        asked = world.range(number, number + 1)
        artists = catalogue.artist_key[each.songs]
        counted = {
            "tracks": (gate.tracks(asked, "plays"), catalogue.keys[each.songs]),
            "artists": (gate.artists(asked, "plays"), artists),
            "tracks-by-listeners": (
                gate.tracks(asked, "firsts_of_track"),
                distinct(each.who, catalogue.keys[each.songs]),
            ),
            "artists-by-listeners": (
                gate.artists(asked, "firsts_of_artist"),
                distinct(each.who, artists),
            ),
        }
        for name, (figures, keys) in counted.items():
            held[name] += covered(
                figures.estimates(), [(keys == key).sum() for key in figures.names]
            )
    for each in held.values():
        require(each)


def distinct(who, keys):
    """The keys of distinct (listener, key)."""
    return np.unique(np.stack([who.astype(np.uint64), keys]), axis=1)[1]


def test_distinct_tracks_and_artists_of_slices_and_unions(world, heard, catalogue, gates):
    held = {"tracks": [], "artists": [], "of unions": []}
    shares = {"distinct-tracks": 0.2, "distinct-artists": 0.2, "reserve": 0.5}
    for gate in gates(3, **shares):
        for number, each in enumerate(heard):
            asked = world.range(number, number + 1)
            artists = len(np.unique(catalogue.artist_key[each.songs]))
            held["tracks"] += covered([gate.distinct_tracks(asked)], [len(np.unique(each.songs))])
            held["artists"] += covered([gate.distinct_artists(asked)], [artists])
            if number % 4 == 3:
                songs = np.concatenate([one.songs for one in heard[number - 3 : number + 1]])
                asked = world.range(number - 3, number + 1)
                truths = len(np.unique(songs)), len(np.unique(catalogue.artist_key[songs]))
                held["of unions"] += covered(
                    [gate.distinct_tracks(asked), gate.distinct_artists(asked)], truths
                )
    require(held["tracks"])
    require(held["artists"])
    assert np.mean(held["of unions"]) >= 0.93


def test_windows_of_genres_and_of_tracks(world, heard, catalogue):
    """Asked whenever a slice became complete, over the slice and a half before."""
    replica = world.replica(
        SharedLog(opened_at_ms=START),
        privacy_live_shares={"genres": 0.2, "tracks": 0.2, "tracks-live": 0.2},
    )
    windows = Windows(world.cells, replica.gate, 0.01, 100)
    songs = catalogue.keys[:4]
    of_genres, of_tracks = [], []
    through_ms = world.cells.complete_through_ms
    try:
        for number in range(1, SLICES):
            end_ms = START + (number + 1) * LIVE.slice_ms
            world.cells.complete_through_ms = end_ms
            replica.release_all()
            windows.keep_up()
            before, now = heard[number - 1], heard[number]
            inside = np.concatenate([before.songs[before.offsets >= LIVE.slice_ms // 2], now.songs])
            genre = np.array(catalogue.genres)[catalogue.primary_genre[inside]]
            for name in catalogue.genres:
                _, found = windows.sum(Series("genre", name), 3 * LIVE.slice_ms // 2)
                truth = ((genre == name) & (catalogue.primary_genre[inside] >= 0)).sum()
                of_genres += covered([found], [truth])
            for row, key in enumerate(songs.tolist()):
                _, found = windows.sum(Series("track", keys=(key,)), 3 * LIVE.slice_ms // 2)
                of_tracks += covered([found], [(inside == row).sum()])
    finally:
        world.cells.complete_through_ms = through_ms
    require(of_genres)
    require(of_tracks)


@pytest.mark.parametrize(("listens", "epsilon"), [(500, 4.0), (1_200, 20.0), (6_000, 100.0)])
def test_correlations_and_the_plays_behind_them(catalogue, listens, epsilon):
    """Noise from far above to far below what there is; half of the slices heard few songs."""
    random = np.random.default_rng(listens)
    features = catalogue.features.astype(float)
    known = np.isfinite(features).all(axis=1)
    size = len(FEATURES)
    pairs = [first * size + second for first in range(size) for second in range(first)]
    held, plays = [], []
    for exponent in (0.5, 1.5) * 5:
        heard = [
            draw_heard(random, listens // 10, listens, TRACKS, LIVE, exponent) for _ in range(100)
        ]
        world = World(heard, catalogue, LIVE, epsilon=epsilon)
        gate = world.replica(privacy_live_shares={"features": 0.9}).gate
        for number, each in enumerate(heard):
            found, count = gate.correlations(world.range(number, number + 1))
            true = np.corrcoef(features[each.songs][known[each.songs]].T).ravel()
            held += covered([found[pair] for pair in pairs], true[pairs])
            plays += covered([count], [known[each.songs].sum()])
    require(held)
    assert np.mean(plays) >= 0.93
