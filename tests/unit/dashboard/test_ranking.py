from html.parser import HTMLParser

from tests.unit.dashboard.made_up import top

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


def test_arrows_are_told_in_words_too():
    html = ranking.to_html(ranking.rows(top(*"bacx"), top(*"abc")), "plays")
    for words in ("up 1 place", "down 1 place", "same place as before", "not ranked before"):
        assert words in html


def test_a_bar_is_solid_to_the_lower_bound_and_pale_to_the_upper():
    html = ranking.to_html(ranking.rows(top("a"), None), "plays")
    assert 'class="sv-high" style="width:100.00%"' in html
    assert f'class="sv-low" style="width:{100 * 90 / 110:.2f}%"' in html
    assert "100 plays (90 to 110)" in html


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
