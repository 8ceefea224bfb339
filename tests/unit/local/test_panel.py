import dataclasses
import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from sottovoce.client import Basis, Estimate, Share, TimeRange, TopEntry, Track, Trend, Trends
from sottovoce.local.metrics_page import MetricsPage, Sample
from sottovoce.local.panel import Room, one_line, render
from sottovoce.local.settings import StackPorts
from sottovoce.local.vital_signs import Rate, VitalSigns, VitalSignsReader

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def trend(rank, title, movement):
    track = Track("0" * 22, title, ("The [bold] Artists",), "jazz", True)
    return Trend(TopEntry(rank, track, "", Estimate(9 - rank, 0, 90 - rank)), movement)


@pytest.fixture
def trends():
    range_ = TimeRange(NOW - timedelta(seconds=30), NOW)
    basis = Basis("live", range_, "enforced", ("v",), 0.95, "A notice.")
    return Trends(
        basis,
        tuple(trend(n, f"Song {n}", move) for n, move in enumerate((2, -1, 0, None), 1)),
        (trend(1, "Album", 0),),
        Estimate(123, 100, 146),
        Estimate(50, 45, 55),
        (Share("jazz", Estimate(9, 9, 9), Estimate(0.75, 0.75, 0.75)),),
    )


def text_of(renderable):
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


def test_the_panel_shows_what_is_played_and_how_the_system_does(trends):
    signs = VitalSigns(
        300.4, 9000, 290, 8900, 0, 100, NOW - timedelta(seconds=3), "", 4,
        "enforced", 4.0, timedelta(seconds=30),
    )  # fmt: skip
    told = text_of(render(signs, trends, [("ask", "sottovoce ask top-tracks")], NOW, Room()))
    for wanted in (
        "sottovoce ask top-tracks",
        "300/s, 9,000 written",
        "8,900 counted, 100 waiting",
        "03:04:02 UTC (3 s ago)",
        "enforced, epsilon 4 for a listener's slice of 30 s",
        "123 (100 to 146) plays",
        "8 ±81",
        "50 (45 to 55) distinct listeners",
        "Song 4",
        "▲2",
        "▼1",
        "new",
        "The [bold] Artists",
        "75.0%",
        "A notice.",
    ):
        assert wanted in told


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 40), (200, 60)])
def test_the_panel_fits_into_its_terminal(trends, width, height):
    entries = tuple(trend(n, f"A song with a very long name, number {n}", 0) for n in range(1, 11))
    genres = trends.genres * 9
    full = dataclasses.replace(trends, tracks=entries, artists=entries, genres=genres)
    addresses = [("ask", "sottovoce ask top-tracks")] * 6
    room = Room.of(width, height)
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(render(VitalSigns(), full, addresses, NOW, room))
    assert len(console.export_text().splitlines()) <= height


def test_the_panel_says_what_is_not_there_yet():
    signs = VitalSigns(waits_for="the consumer has not committed")
    told = text_of(render(signs, None, [], NOW, Room()))
    assert "silent" in told
    assert "nothing yet; the consumer has not committed" in told
    assert "first complete pane" in told


def test_the_panel_says_that_ones_own_history_is_exact():
    told = text_of(render(VitalSigns(privacy_mode="personal"), None, [], NOW, Room()))
    assert "personal: exact, and about one listener alone" in told
    assert "Import your history" in told


def test_one_line_says_the_same_without_a_terminal(trends):
    signs = VitalSigns(300.4, 9000, 290, 8900, 0, 100, NOW, "", 4)
    line = one_line(signs, trends, NOW)
    assert "\n" not in line
    assert "written 9,000 (300/s)" in line
    assert "Song 1" in line
    assert "listeners 50 (45 to 55)" in line


def test_a_rate_is_the_growth_over_the_last_seconds():
    rate = Rate()
    assert rate.note(0, 0) == 0
    assert rate.note(1, 100) == 100
    for second in range(2, 20):
        rate.note(second, 100)
    assert rate.note(20, 100) == 0


class Silent:
    def status(self):
        from sottovoce.client import Unavailable

        raise Unavailable("no query service answers")


def test_vital_signs_are_read_from_the_services_and_survive_their_silence():
    pages = {
        StackPorts().producer_metrics: MetricsPage(
            (Sample("sottovoce_producer_plays_total", {"outcome": "taken"}, 7.0),)
        )
    }
    signs = VitalSignsReader(StackPorts(), Silent(), pages.get, lambda: 1.0).read()
    assert signs.written == 7.0
    assert signs.counted is None
    assert signs.waits_for == "no query service answers"
