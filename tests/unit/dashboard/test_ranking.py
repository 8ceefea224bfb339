import dataclasses
from html.parser import HTMLParser

from tests.unit.dashboard.made_up import top

from sottovoce.client import Estimate
from sottovoce_dashboard import ranking


def movements(now, before):
    earlier = None if before is None else top(*before)
    return [each.movement for each in ranking.rows(top(*now), earlier)]


def test_movement_is_places_gained_since_the_range_before():
    assert movements("bac", "abc") == [1, -1, 0]


def test_what_had_no_place_before_is_new():
    assert movements("xa", "ab") == ["new", -1]


def test_without_a_range_before_nothing_moved():
    assert movements("ab", None) == [None, None]


def test_artists_move_too():
    rows = ranking.rows(top("b", "a", artists=True), top("a", "b", artists=True))
    assert [(each.title, each.detail, each.movement) for each in rows] == [
        ("b", "", 1),
        ("a", "", -1),
    ]


def test_where_intervals_overlap_the_noise_is_named_and_no_movement():
    now = [
        dataclasses.replace(each, count=Estimate(value, value - 5, value + 5))
        for each, value in zip(top(*"bca"), (100.0, 52.0, 50.0), strict=True)
    ]
    rows = ranking.rows(now, top(*"abc"))
    assert [each.certain for each in rows] == [True, False, False]
    html = ranking.to_html(rows, "plays")
    assert html.count("within the noise") == 2 * 2
    assert "up 1 place" in html
    assert "down" not in html


def test_equal_exact_figures_are_certain():
    now = [dataclasses.replace(each, count=Estimate(5.0, 5.0, 5.0)) for each in top(*"ab")]
    assert all(each.certain for each in ranking.rows(now, None))


def test_arrows_are_told_in_words_too():
    html = ranking.to_html(ranking.rows(top(*"bacx"), top(*"abc")), "plays")
    for words in ("up 1 place", "down 1 place", "same place as before", "not ranked before"):
        assert words in html


def test_a_bar_is_solid_to_the_lower_bound_and_pale_to_the_upper():
    html = ranking.to_html(ranking.rows(top("a"), None), "plays")
    assert 'class="sv-high" style="width:100.00%"' in html
    assert f'class="sv-low" style="width:{100 * 90 / 110:.2f}%"' in html
    assert f'class="sv-at" style="left:{100 * 100 / 110:.2f}%"' in html
    assert "100 plays (90 to 110)" in html


def test_an_exact_figure_has_no_mark():
    entry = dataclasses.replace(top("a")[0], count=Estimate(5.0, 5.0, 5.0))
    assert "sv-at" not in ranking.to_html(ranking.rows([entry], None), "plays")


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.text = set(), ""

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)

    def handle_data(self, data):
        self.text += data


def test_a_name_can_be_no_markup():
    name = '<img src=x onerror="alert(1)">'
    tags = Tags()
    tags.feed(ranking.to_html(ranking.rows(top(name), None), "plays"))
    assert tags.seen == {"ol", "li", "span"}
    assert name in tags.text
