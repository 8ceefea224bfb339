"""Every question asked, and every answer held against the truth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np

from sottovoce.catalogue import Catalogue, spotify_id_to_int
from sottovoce.client import Client, Series, TimeRange, Top, Trends
from sottovoce.local.checks import (
    Check,
    check_distribution,
    check_figure,
    check_figures,
    check_ranking,
)
from sottovoce.local.truth import Truth, hexadecimal, similarities, spotify_id

DATA_SET = "live"
TOP = 20
SAMPLE = 50
ABSENT_TRACK = "0" * 21 + "7"
PLAYED_OFTEN = 5
"""So many half-widths of a count's interval are more than noise hides."""
WRONGLY_PLAYED = 3
"""Of 900 tracks that nobody played, noise makes one in 10,000 seem played: more than 3 once in a
million runs."""
CORRELATIONS_INSIDE = 0.7
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
        client, asked, truth = self._client, self._asked, self._truth
        slice_ = client.status().data_sets[DATA_SET].slice
        last = TimeRange(asked.end - slice_, asked.end)
        newest = truth.within(last)
        return [
            check_figure(
                f"distinct {what}, {name}",
                ask(DATA_SET, span).count,
                listens.distinct(column),
            )
            for what, ask, column in (
                ("listeners", client.distinct_listeners, "listener"),
                ("tracks", client.distinct_tracks, "track_id"),
                ("artists", client.distinct_artists, "artist"),
            )
            for name, span, listens in (("one slice", last, newest), ("all", asked, truth))
        ]

    def _played(self) -> list[Check]:
        """What is said to be played was, and what was played most is said to be."""
        counts = self._truth.track_counts()
        ids = [self._catalogue.track_id(row) for row in range(len(self._catalogue))][:900]
        ids.append(ABSENT_TRACK)
        answer = self._client.played(DATA_SET, self._asked, ids)
        said = {ref.spotify_id for ref, hit in answer.tracks if hit}
        first = self._client.top_tracks(DATA_SET, self._asked, size=1).entries[0].count
        often = PLAYED_OFTEN * (first.upper - first.value)
        most = {each for each in ids if counts[each] > often}
        found = self._client.played_filter(DATA_SET, self._asked)
        keys = np.array([spotify_id_to_int(each) for each in said], np.uint64).reshape(-1, 2)
        inside = found.filter.contains_keys(keys[:, 0], keys[:, 1])
        wrong = sum(each not in counts for each in said)
        return [
            Check(
                f"played, {len(ids)} tracks",
                f"{len(said)} yes, {wrong} of them wrongly",
                f"{sum(each in counts for each in ids)} were, at most {WRONGLY_PLAYED} wrongly",
                wrong <= WRONGLY_PLAYED and most <= said,
            ),
            Check(
                "filter of played tracks",
                f"holds {int(np.sum(inside)):,}",
                f"{len(said):,} said to be played",
                bool(np.all(inside)) and bool(said),
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
        track = self._truth.track_counts().most_common(1)[0][0]
        of_track = self._truth.of("track_id", hexadecimal(track))
        return [
            self._one_series("series of plays", Series.all(), self._truth),
            self._one_series(
                f"series of {genre}", Series.genre(genre), self._truth.of("genre", genre)
            ),
            self._one_series("series of the top track", Series.track(track), of_track),
            self._one_series(
                "series of new listeners", Series.new_listeners(), self._truth.arrivals()
            ),
        ]

    def _one_series(self, question: str, series: Series, truth: Truth) -> Check:
        points = self._client.series(DATA_SET, self._asked, series).points
        return check_figures(
            question, [(each.value, float(len(truth.within(each.range)))) for each in points]
        )

    def _windows(self) -> list[Check]:
        ranking = self._client.status().data_sets[DATA_SET].ranking
        short = max(ranking, timedelta(seconds=18) // ranking * ranking)
        country, _ = self._truth.counts("country").most_common(1)[0]
        artist, _ = self._truth.counts("artist").most_common(1)[0]
        windows = (
            ("all plays", Series.all(), self._all),
            (country, Series.country(country), self._all.of("country", country)),
            (artist, Series.artist(artist), self._all.of("artist", artist)),
        )
        checks = []
        for name, series, truth in windows:
            for span in (short, self._asked.length):
                found = self._client.window(DATA_SET, series, span)
                exact = len(truth.within(found.basis.range))
                question = f"last {span.total_seconds():.0f} s of {name}"
                checks.append(check_figure(question, found.count, exact))
        return checks

    def _sample(self) -> list[Check]:
        """Made up, of tracks and countries that were played."""
        answer = self._client.sample(DATA_SET, self._asked, SAMPLE)
        played = self._truth.track_counts()
        real = sum(each.track.id in played for each in answer.listens)
        told = f"{len(answer.listens)} {answer.kind}, {real} of tracks that were played"
        fine = answer.kind == "synthetic" and real >= 0.9 * SAMPLE
        return [Check("sample", told, f"{SAMPLE} synthetic", fine)]

    def _correlation(self) -> list[Check]:
        answer = self._client.correlation(DATA_SET, self._asked)
        exact = self._truth.correlations(self._catalogue)
        pairs = [
            (answer.matrix[first][second], float(exact[first, second]))
            for first in range(len(exact))
            for second in range(first)
            if np.isfinite(answer.matrix[first][second].value)
        ]
        inside = sum(estimate.contains(truth) for estimate, truth in pairs)
        return [
            Check(
                f"correlation of {len(answer.features)} features",
                f"{inside} of {len(pairs)} within their intervals",
                f"at least {CORRELATIONS_INSIDE:.0%}",  # they share their noise
                inside >= CORRELATIONS_INSIDE * len(pairs),
            ),
            check_figure("plays with known features", answer.plays, len(self._truth)),
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
        check_figure("trends: plays", message.plays, len(within)),
        check_ranking("trends: tracks", tracks, within.track_counts()),
        check_ranking("trends: artists", artists, within.counts("artist")),
    ]
