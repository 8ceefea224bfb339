"""`python -m benchmarks.utility`: how exact the gate's figures are, as plots for docs/privacy.md.

An hour of made-up listens, fifteen a listener, Zipf over 30,000 tracks; the shares of epsilon that
a slice of `live` has unless settings say otherwise, and C = 20. Noise and estimates are the gate's
own. Errors of sums of noises are worked out; those of sketches and correlations are measured.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.plots import plot_utility
from sottovoce.catalogue import read_catalogue
from sottovoce.privacy import Noise
from sottovoce.sketches import FlajoletMartin
from sottovoce.sketches.occupancy import estimate_from_occupancy
from sottovoce_producer.sources.made_up import write_made_up_catalogue
from sottovoce_query.releases import statistic as statistics
from sottovoce_query.releases.correlation import correlations
from sottovoce_query.releases.desk import QUESTIONS_OF_A_RESERVE, RANKING_PANES
from sottovoce_query.releases.features import FeatureVectors
from sottovoce_query.releases.plans import LIVE_SHARES, plan_of
from sottovoce_query.releases.statistic import Statistic

IMAGES: Final = Path(__file__).resolve().parent.parent / "docs" / "images"
BOUND, DELTA, PANES, RUNS, TRACKS = 20, 1e-9, 60, 30, 30_000
EACH: Final = 15
"""Listens of a listener in the hour."""
GENRES: Final = 115
"""As many as a large public catalogue has, and the unknown one."""
EPSILONS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
POPULATIONS: Final = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
EPSILON, POPULATION = 1.0, 50_000

type Floats = npt.NDArray[np.float64]

_ZIPF: Final = 1.0 / np.arange(1, TRACKS + 1)
_CHANCES: Final = _ZIPF / _ZIPF.sum()
_RISE: Final = np.random.default_rng(1)


def errors(epsilon: float, listeners: int, moments: Floats) -> dict[str, float]:
    """Return the root-mean-square error of each statistic, relative to what is true."""
    return dict(_errors(epsilon, listeners, moments))


def _errors(epsilon: float, listeners: int, moments: Floats) -> Iterator[tuple[str, float]]:
    listens = listeners * EACH

    def noise(statistic: Statistic) -> Noise:
        plan = plan_of(epsilon, DELTA, LIVE_SHARES)
        return plan.noise(statistic.name, statistic.sensitivity(BOUND))

    plays = listens * _CHANCES[:20]
    genres = noise(statistics.GENRES)
    yield "plays", _sum_error(genres, PANES * GENRES) / listens
    yield "a twentieth genre", _sum_error(genres, PANES) / (listens / 20)
    yield "a country with a tenth", _sum_error(noise(statistics.COUNTRIES), PANES) / (listens / 10)
    tracks, live = noise(statistics.TRACKS), noise(statistics.TRACKS_LIVE)
    yield "top 20 tracks", _mean(_sum_error(tracks, 1) / plays)
    yield "top 20 tracks, live", _mean(_sum_error(live, PANES // RANKING_PANES) / plays)
    yield "distinct listeners", _sum_error(noise(statistics.NEW_LISTENERS), PANES) / listeners
    yield "distinct listeners of two hours", _union_error(epsilon, listeners)
    distinct = float((1.0 - (1.0 - _CHANCES) ** listens).sum())
    yield "distinct tracks", _sum_error(noise(statistics.DISTINCT_TRACKS), 1) / distinct
    by_listeners = noise(statistics.TRACKS_BY_LISTENERS)
    heard = listeners * (1.0 - (1.0 - _CHANCES[:20]) ** EACH)
    yield "top 20 tracks by listeners", _mean(_sum_error(by_listeners, 1) / heard)
    features = noise(statistics.FEATURES)
    yield "correlations (absolute)", _correlation_error(features, listens, moments)


def _sum_error(noise: Noise, summands: int) -> float:
    """The deviation of a sum of independent noises: no need to draw it."""
    return float((noise.variance * summands) ** 0.5)


def _mean(each: Floats) -> float:
    return float(each.mean())


def _union_error(epsilon: float, listeners: int) -> float:
    noise = Noise.laplace(epsilon * LIVE_SHARES["reserve"] / QUESTIONS_OF_A_RESERVE, 1)
    found = []
    for _ in range(RUNS):
        sketch = FlajoletMartin()
        sketch.update_hashes(_RISE.integers(0, 2**64, listeners, dtype=np.uint64))
        noisy = noise.add(sketch.occupancy())
        estimate = estimate_from_occupancy(noisy, sketch.buckets, noise.variance)
        found.append(estimate.value / listeners - 1.0)
    return float(np.sqrt(np.mean(np.square(found))))


def _correlation_error(noise: Noise, listens: int, exact: Floats) -> float:
    true = np.array([each.value for each in correlations(exact, 0.0, 0.95)])
    found = []
    moments = np.rint(exact * listens).astype(np.int64)
    for _ in range(RUNS):
        noisy = noise.add(moments).astype(np.float64)
        values = np.array([each.value for each in correlations(noisy, noise.variance, 0.95)])
        found.append(np.square(values - true).mean())
    return float(np.sqrt(np.mean(found)))


def _moments() -> Floats:
    """The moments of the made-up catalogue's features, for one listen."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made-up.csv"
        write_made_up_catalogue(file)
        catalogue, _ = read_catalogue(file)
    units = FeatureVectors.of(catalogue).units.astype(np.float64)
    chances = _CHANCES[: len(catalogue)]
    return np.asarray(chances @ units / chances.sum())


def _series(found: list[dict[str, float]]) -> dict[str, list[float]]:
    return {name: [each[name] for each in found] for name in found[0]}


def main() -> None:
    """Measure, draw both plots, print the figures."""
    moments = _moments()
    by_epsilon = _series([errors(each, POPULATION, moments) for each in EPSILONS])
    by_population = _series([errors(EPSILON, each, moments) for each in POPULATIONS])
    IMAGES.mkdir(exist_ok=True)
    plot_utility(
        EPSILONS,
        by_epsilon,
        ("Error against epsilon, 50,000 listeners in the hour", "epsilon of a slice"),
        IMAGES / "privacy-error-by-epsilon.svg",
    )
    plot_utility(
        POPULATIONS,
        by_population,
        ("Error against population, epsilon 1", "listeners in the hour"),
        IMAGES / "privacy-error-by-population.svg",
    )
    for at, found in ((EPSILONS, by_epsilon), (POPULATIONS, by_population)):
        print(f"{'':34}", *(f"{each:>9,}" for each in at))
        for name, row in found.items():
            print(f"{name:34}", *(f"{each:9.3g}" for each in row))


if __name__ == "__main__":
    main()
