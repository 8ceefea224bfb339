"""Every question asked, and every answer held against the truth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np

from sottovoce.catalogue import Catalogue
from sottovoce.client import Client, Series, TimeRange, Top, Trends
from sottovoce.local.checks import Check, check_distribution, check_exact, check_ranking, in_words
from sottovoce.local.truth import Truth, similarities, spotify_id

DATA_SET = "live"
TOP = 20
SAMPLE = 50
ABSENT_TRACK = "0" * 21 + "7"
CORRELATION_TOLERANCE = 1e-5
DISTINCT_TOLERANCE = 0.05
SIMILAR_RECALL = 0.8


class Comparison:
    """Asks a query service about a range, and compares.

    Args:
        client: asks.
        asked: a range of whole slices, complete.
        truth: all listens of the data set.
        catalogue: what its slices are pinned to.
    """

    def __init__(
        self, client: Client, asked: TimeRange, truth: Truth, catalogue: Catalogue
    ) -> None:
        self._client = client
        self._asked = asked
        self._all = truth
        self._truth = truth.within(asked)
        self._catalogue = catalogue

    def checks(self) -> list[Check]:
        """Ask everything."""
        asks: list[Callable[[], list[Check]]] = [
            self._distinct,
            self._played,
            self._top,
            self._distributions,
            self._series,
            self._windows,
            self._sample,
            self._correlation,
            self._similar,
            self._search,
            self._status,
        ]
        return [check for ask in asks for check in ask()]

    def _distinct(self) -> list[Check]:
        listeners = self._client.distinct_listeners(DATA_SET, self._asked).count
        exact = self._truth.distinct("listener")
        near = abs(listeners.value - exact) <= DISTINCT_TOLERANCE * exact
        return [
            Check(
                "distinct listeners",
                f"{listeners.value:,.0f} ({listeners.lower:,.0f} to {listeners.upper:,.0f})",
                f"{exact:,}",
                near or listeners.lower <= exact <= listeners.upper,
            ),
            check_exact(
                "distinct tracks",
                self._client.distinct_tracks(DATA_SET, self._asked).count,
                self._truth.distinct("track_id"),
            ),
            check_exact(
                "distinct artists",
                self._client.distinct_artists(DATA_SET, self._asked).count,
                self._truth.distinct("artist"),
            ),
        ]

    def _played(self) -> list[Check]:
        exact = self._truth.track_counts()
        ids = [self._catalogue.track_id(row) for row in range(len(self._catalogue))][:900]
        ids.append(ABSENT_TRACK)
        answer = self._client.played(DATA_SET, self._asked, ids)
        wrong = sum(hit != (ref.spotify_id in exact) for ref, hit in answer.tracks)
        hits = sum(hit for _, hit in answer.tracks)
        found = self._client.played_filter(DATA_SET, self._asked)
        keys = [int(each, 16) for each in self._truth.counts("track_id")]
        inside = found.filter.contains_keys(
            np.array([key >> 64 for key in keys], np.uint64),
            np.array([key & (1 << 64) - 1 for key in keys], np.uint64),
        )
        return [
            Check(
                f"played, {len(ids)} tracks",
                f"{hits} yes",
                f"{sum(each in exact for each in ids)} yes",
                wrong == 0,
            ),
            Check(
                "filter of played tracks",
                f"holds {int(np.sum(inside)):,}",
                f"{len(keys):,} played",
                bool(np.all(inside)),
            ),
        ]

    def _top(self) -> list[Check]:
        client, asked, truth = self._client, self._asked, self._truth
        tracks, artists = truth.track_counts, truth.counts
        return [
            check_ranking(
                "top tracks by plays", client.top_tracks(DATA_SET, asked, size=TOP), tracks()
            ),
            check_ranking(
                "top tracks by listeners",
                client.top_tracks(DATA_SET, asked, by="listeners", size=TOP),
                tracks("first_of_track"),
            ),
            check_ranking(
                "top artists by plays",
                client.top_artists(DATA_SET, asked, size=TOP),
                artists("artist"),
            ),
            check_ranking(
                "top artists by listeners",
                client.top_artists(DATA_SET, asked, by="listeners", size=TOP),
                artists("artist", "first_of_artist"),
            ),
        ]

    def _distributions(self) -> list[Check]:
        genres = self._client.genres(DATA_SET, self._asked)
        countries = self._client.countries(DATA_SET, self._asked)
        return [
            check_distribution("plays by genre", genres, self._truth.counts("genre")),
            check_distribution("plays by country", countries, self._truth.counts("country")),
        ]

    def _series(self) -> list[Check]:
        genre = self._truth.counts("genre").most_common(1)[0][0]
        return [
            self._one_series("series of plays", Series.all(), self._truth),
            self._one_series(
                f"series of {genre}", Series.genre(genre), self._truth.of("genre", genre)
            ),
            self._one_series(
                "series of new listeners", Series.new_listeners(), self._truth.arrivals()
            ),
        ]

    def _one_series(self, question: str, series: Series, truth: Truth) -> Check:
        points = self._client.series(DATA_SET, self._asked, series).points
        differ = sum(each.value.value != len(truth.within(each.range)) for each in points)
        total = sum(each.value.value for each in points)
        right = differ == 0 and total == len(truth)
        return Check(
            question, f"{len(points)} panes, sum {total:,.0f}", f"sum {len(truth):,}", right
        )

    def _windows(self) -> list[Check]:
        length = min(timedelta(seconds=20), self._asked.length)
        country, _ = self._truth.counts("country").most_common(1)[0]
        artist, _ = self._truth.counts("artist").most_common(1)[0]
        windows = (
            ("all plays", Series.all(), self._all),
            (country, Series.country(country), self._all.of("country", country)),
            (artist, Series.artist(artist), self._all.of("artist", artist)),
        )
        checks = []
        for name, series, truth in windows:
            for span in (length, self._asked.length + timedelta(minutes=1)):
                found = self._client.window(DATA_SET, series, span)
                exact = len(truth.within(found.basis.range))
                inside = found.count.lower <= exact <= found.count.upper
                question = f"last {span.total_seconds():.0f} s of {name}"
                checks.append(Check(question, in_words(found.count), f"{exact:,}", inside))
        return checks

    def _sample(self) -> list[Check]:
        listens = self._client.sample(DATA_SET, self._asked, SAMPLE).listens
        rows = self._truth.rows()
        real = sum(
            (
                each.track.id,
                each.track.artists[0] if each.track.artists else "",
                each.end_time,
                each.played or timedelta(0),
                each.country,
                bool(each.skipped),
            )
            in rows
            for each in listens
        )
        told = f"{real} of {len(listens)} are listens"
        wanted = min(SAMPLE, len(self._truth))
        return [Check("sample", told, f"{wanted} of {wanted}", real == len(listens) == wanted)]

    def _correlation(self) -> list[Check]:
        answer = self._client.correlation(DATA_SET, self._asked)
        exact = self._truth.correlations(self._catalogue)
        matrix = np.array([[each.value for each in row] for row in answer.matrix])
        worst = float(np.nanmax(np.abs(matrix - exact))) if matrix.shape == exact.shape else np.inf
        return [
            Check(
                f"correlation of {len(answer.features)} features",
                f"off by {worst:.1e} at most",
                f"to {CORRELATION_TOLERANCE:.0e}",
                worst <= CORRELATION_TOLERANCE,
            ),
            check_exact("plays with known features", answer.plays, len(self._truth)),
        ]

    def _similar(self) -> list[Check]:
        found = right = 0
        for each, _ in self._truth.counts("track_id").most_common(TOP):
            row = self._catalogue.row(int(each[16:], 16))
            cosines = similarities(self._catalogue, row)
            tenth = np.sort(cosines)[-10]
            for _, similarity in self._client.similar(spotify_id(each), 10).similar:
                found += 1
                right += bool(similarity >= tenth - 1e-4)
        recall = right / (10 * TOP)
        told = f"{right} of {found} are among the nearest 10"
        return [
            Check(
                f"similar to {TOP} tracks", told, f"recall {recall:.2f}", recall >= SIMILAR_RECALL
            )
        ]

    def _search(self) -> list[Check]:
        row = len(self._catalogue) // 2
        title, wanted = self._catalogue.name(row), self._catalogue.track_id(row)
        found = [each.id for each in self._client.search(title).tracks]
        return [Check(f"search {title!r}", f"{len(found)} tracks", "the track", wanted in found)]

    def _status(self) -> list[Check]:
        status = self._client.status().data_sets[DATA_SET]
        return [
            Check(
                "listens admitted in all",
                f"{status.admitted:,}",
                f"{len(self._all):,}",
                status.admitted == len(self._all),
            ),
            *(
                Check(f"listens refused as {reason}", f"{count:,}", "0", count == 0)
                for reason, count in (status.refused or {"late": 0}).items()
            ),
        ]


def trend_checks(message: Trends, truth: Truth) -> list[Check]:
    """Compare one message of the stream of trends."""
    within = truth.within(message.basis.range)
    tracks = Top(message.basis, tuple(each.entry for each in message.tracks))
    artists = Top(message.basis, tuple(each.entry for each in message.artists))
    return [
        check_exact("trends: plays", message.plays, len(within)),
        check_ranking("trends: tracks", tracks, within.track_counts()),
        check_ranking("trends: artists", artists, within.counts("artist")),
    ]
