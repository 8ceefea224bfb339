"""The dashboard in a real browser, over a real query service that goes away and comes back.

Screenshots are kept in .local/screenshots.
"""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from tests.conftest import REPOSITORY
from tests.e2e.dashboard_system import chromium, running_system

from sottovoce.client import Series

pytestmark = pytest.mark.slow

SCREENSHOTS = REPOSITORY / ".local" / "screenshots"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PAGES = {
    "live": "Live",
    "rankings": "Rankings",
    "distributions": "Distributions",
    "correlation": "Correlation",
    "listeners": "Listeners",
    "windows": "Windows",
    "similar": "Similar songs",
    "sample": "Sample",
    "budget": "Budget",
    "status": "Status",
}
CHARTS = {
    "live": 3, "distributions": 2, "correlation": 1, "listeners": 1, "windows": 2, "budget": 1,
}  # fmt: skip
PATIENCE = 60_000  # a busy machine draws slowly
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def system(browser):
    with running_system() as running:
        running.start_query()
        yield running
        assert running.stop() == 0
    print(f"\nscreenshots: {SCREENSHOTS}")


@pytest.fixture
def look(browser, system):
    """Opens a page, and holds that it asks nobody else and that no script fails."""
    contexts, hosts, errors = [], set(), []

    def open_page(path="", scheme="light", width=1440, height=1000) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(f"{system.url}/{path}")
        page.wait_for_selector(".sv-badge")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert hosts == {f"127.0.0.1:{system.port}"}
    assert not errors


def badge(page: Page):
    return page.locator(".sv-badge")


def drawn(page: Page, charts: int) -> None:
    expect(page.locator("[data-testid=stVegaLiteChart] svg.marks")).to_have_count(
        charts, timeout=PATIENCE
    )


def keep(page: Page, name: str) -> None:
    """Keep a screenshot of the whole page."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    main = page.locator("[data-testid=stMain]")
    size = page.viewport_size
    height = min(2_600, max(size["height"], main.evaluate("each => each.scrollHeight")))
    page.set_viewport_size({"width": size["width"], "height": height})
    page.wait_for_timeout(700)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
    page.set_viewport_size(size)


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def first_row(page: Page):
    return page.locator(".sv-ranking li").first


def asked_range(client, length):
    return client.latest("live", timedelta(seconds=length), "ranking")


def paid_by_reserves(client):
    return [each for each in client.charges() if each.pot == "reserve"]


@pytest.mark.parametrize(
    ("path", "scheme"), [*((path, "light") for path in PAGES), *((path, "dark") for path in CHARTS)]
)
def test_each_page_shows_data_how_fresh_and_how_private_they_are(look, path, scheme):
    page = look("" if path == "live" else path, scheme)
    expect(page.get_by_role("heading", name=PAGES[path], level=1)).to_be_visible()
    expect(badge(page)).to_have_text("live")
    expect(page.get_by_text("its interval says how much")).to_be_visible()
    expect(page.get_by_role("link", name="epsilon 100 a slice, delta 1e-9")).to_be_visible()
    if path == "similar":
        page.get_by_label("Search the catalogue").fill("song")
        page.keyboard.press("Enter")
        drawn(page, 1)
    drawn(page, CHARTS.get(path, 0) + (path == "similar"))
    if path in ("live", "rankings"):
        expect(first_row(page)).to_be_visible()
    if path not in ("similar", "budget", "status"):
        expect(page.get_by_text(re.compile(r"live, .* UTC \(.*\)")).first).to_be_visible()
    expect(page.locator("[data-testid=stException], [data-testid=stAlert]")).to_have_count(0)
    keep(page, f"{path}-{scheme}")


def test_pages_that_are_looked_at_charge_no_reserve(look, system):
    page = look()
    for path, title in PAGES.items():
        page.goto(f"{system.url}/{'' if path == 'live' else path}")
        expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
        drawn(page, CHARTS.get(path, 0))
    with system.client() as client:
        assert list(client.charges())
        assert not paid_by_reserves(client)


def test_the_header_leads_to_what_epsilon_means(look):
    page = look("rankings?data-set=history")
    page.get_by_role("link", name="epsilon 100 a slice").click()
    expect(page.get_by_role("heading", name="Budget", level=1)).to_be_visible()
    expect(page.get_by_text("What epsilon 100 means")).to_be_visible()
    assert "data-set=history" in page.url


def test_the_budget_is_told_in_words_a_chart_and_a_table(look, system):
    page = look("budget")
    drawn(page, 1)
    with system.client() as client:
        budget = client.budget("live")
    plan = budget.data_sets[0].plan
    expect(page.locator("[data-testid=stMetricValue]")).to_have_text(
        [f"epsilon {each:.3g}" if each < 100 else f"epsilon {each:,.0f}"
         for each in (plan.epsilon, budget.worst_day.epsilon, budget.worst_month.epsilon)]
    )  # fmt: skip
    expect(page.get_by_text(f"at most {plan.slices_per_day} slices of a day")).to_be_visible()
    expect(page.locator("[data-testid=stDataFrame]")).to_be_visible()


def test_what_is_different_over_slices_is_asked_and_charged_at_a_button_alone(look, system):
    page = look("listeners")
    choose(page, "Range", "Last 2 minutes")
    button = page.get_by_role("button", name="Count, and charge 4 slices")
    expect(page.get_by_text("costs budget")).to_be_visible()
    button.click()
    label = page.locator("[data-testid=stMetricLabel]", has_text="Different listeners")
    expect(label).to_be_visible()
    with system.client() as client:
        asked = client.latest("live", timedelta(minutes=2), "slice")
        found = client.distinct_listeners("live", asked).count
        assert len(paid_by_reserves(client)) == 1
        expect(page.get_by_text(f"{found.value:,.0f}", exact=True)).to_be_visible()
        keep(page, "union")
        length = client.status().data_sets["live"].slice
        for slices in range(5, 12):  # seven more, and the newest slice has nothing left
            over = client.latest("live", slices * length, "slice")
            client.distinct_listeners("live", over)
    page.get_by_role("radio", name="Artists").click()
    button.click()
    expect(page.get_by_text("Not counted: ")).to_be_visible()
    drawn(page, 1)
    keep(page, "spent")


def test_figures_are_those_of_the_query_service(look, system):
    page = look("rankings")
    choose(page, "Range", "Last 2 minutes")
    with system.client() as client:
        best = client.top_tracks("live", asked_range(client, 120), size=25).entries
    expect(page.locator(".sv-ranking .sv-count")).to_have_text(
        [f"{each.count.value:,.0f}" for each in best]
    )
    assert page.locator(".sv-title").first.inner_text() == best[0].track.title


def test_rankings_follow_their_controls(look, system):
    page = look("rankings")
    expect(page.locator(".sv-ranking li")).to_have_count(25)
    page.get_by_role("radio", name="Artists").click()
    expect(page.get_by_text(re.compile(r"^Artists by plays"))).to_be_visible()
    page.get_by_role("radio", name="Listeners").click()
    expect(page.get_by_text("Artists by listeners, each once a slice")).to_be_visible()
    choose(page, "Range", "Everything")
    with system.client() as client:
        known = client.status().data_sets["live"]
        whole = client.latest("live", known.complete_through - known.first_slice, "slice")
        best = client.top_artists("live", whole, by="listeners", size=5).entries
    page.get_by_role("slider").focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(page.locator(".sv-ranking .sv-title")).to_have_text([each.artist for each in best])


def test_a_range_can_lie_between_two_times(look):
    page = look("distributions")
    choose(page, "Range", "Between two times")
    expect(page.get_by_text("From (UTC)")).to_be_visible()
    drawn(page, 2)


def test_windows_slide_over_any_series(look, system):
    page = look("windows")
    for kind in ("New listeners", "Genre", "Country", "All plays"):
        choose(page, "Series", kind)
        expect(page.locator("[data-testid=stMetricLabel]")).to_contain_text(
            {"Genre": "genre", "Country": "country", "All plays": "Plays"}.get(kind, "Listeners")
        )
        drawn(page, 2)
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    with system.client() as client:
        sums = client.window("live", Series.all(), timedelta(seconds=2)).count
    expect(page.locator("[data-testid=stMetricValue]")).to_have_text(f"{sums.value:,.0f}")
    choose(page, "Series", "Artist")
    page.get_by_label("Artist", exact=True).fill("Made-up Artist 3")
    page.keyboard.press("Enter")
    expect(page.locator("[data-testid=stMetricLabel]")).to_contain_text("Made-up Artist 3")
    choose(page, "Series", "Track")
    page.get_by_label("Track", exact=True).fill("song 07")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Which one")).to_be_visible()
    expect(page.locator("[data-testid=stMetricValue]")).to_be_visible()


def test_similar_songs_are_searched_chosen_and_counted(look):
    page = look("similar")
    expect(page.get_by_text("The catalogue has 40 tracks")).to_be_visible()
    search = page.get_by_label("Search the catalogue")
    search.fill("no such song at all")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No track of the catalogue has these words")).to_be_visible()
    search.fill("song 21")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("Made-up Song 21"))).to_be_visible()
    drawn(page, 1)
    search.fill("song 05")  # its features are unknown
    page.keyboard.press("Enter")
    expect(page.get_by_text("knows no audio features")).to_be_visible()


def test_a_sample_has_as_many_listens_as_wanted(look):
    page = look("sample")
    expect(page.get_by_text(re.compile("^50 listens"))).to_be_visible()
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text(re.compile("^60 listens"))).to_be_visible()


def test_the_data_set_can_be_switched_and_stays_in_the_address(look):
    page = look("listeners")
    page.get_by_role("radiogroup", name="Data set").get_by_text("history").click()
    expect(badge(page)).to_have_text("sealed")
    expect(page.get_by_text(re.compile("history, .* days")).first).to_be_visible()
    drawn(page, 1)
    page.get_by_role("link", name="Distributions").click()
    expect(page.get_by_role("heading", name="Distributions", level=1)).to_be_visible()
    expect(page.get_by_text(re.compile("history, ")).first).to_be_visible()
    assert "data-set=history" in page.url
    keep(page, "history-distributions")


def test_a_new_pane_flows_in_without_a_flicker(look, system):
    page = look()
    drawn(page, 3)
    choose(page, "Range", "Last 30 seconds")
    drawn(page, 3)
    page.wait_for_timeout(1_500)
    page.evaluate(
        "document.querySelectorAll('[data-testid=stVegaLiteChart] .marks, .sv-ranking')"
        ".forEach(each => each.marked = true)"
    )
    before = badge(page).locator("xpath=following-sibling::span").inner_text()
    table = page.locator("[data-testid=stMetricValue]").first.inner_text()
    for _ in range(5):
        system.go_on()
    sentence = badge(page).locator("xpath=following-sibling::span")
    expect(sentence).not_to_contain_text(before.split(",")[0])
    expect(page.locator("[data-testid=stMetricValue]").first).not_to_have_text(table)
    page.wait_for_timeout(1_500)
    marked = page.evaluate(
        "[...document.querySelectorAll('[data-testid=stVegaLiteChart] .marks')]"
        ".filter(each => each.marked).length"
    )
    assert marked == 3


def test_the_service_goes_away_and_comes_back(look, system):
    page = look("rankings")
    expect(badge(page)).to_have_text("live")
    shown = first_row(page).inner_text()
    system.kill_query()
    try:
        expect(badge(page)).to_have_text("down", timeout=PATIENCE)
        sentence = badge(page).locator("xpath=following-sibling::span")
        expect(sentence).to_contain_text("Shown below: answers of")
        assert first_row(page).inner_text() == shown
        faded = page.locator(".st-key-answers").evaluate("each => getComputedStyle(each).opacity")
        assert float(faded) < 0.7
        keep(page, "away")
        page.get_by_role("link", name="Windows").click()  # never answered here
        expect(page.get_by_role("heading", name="Windows", level=1)).to_be_visible()
        expect(badge(page)).to_have_text("down")
        expect(page.get_by_text("No answer to this yet").first).to_be_visible()
        page.get_by_role("link", name="Rankings").click()
        expect(first_row(page)).to_be_visible()
        fresh = look("listeners")
        expect(badge(fresh)).to_have_text("down")
        expect(fresh.get_by_text("There is no earlier answer to show")).to_be_visible()
        keep(fresh, "away-from-the-start")
    finally:
        system.start_query()
    back = time.monotonic()
    expect(badge(page)).to_have_text("live", timeout=PATIENCE)
    expect(badge(fresh)).to_have_text("live", timeout=PATIENCE)
    print(f"\nback after {time.monotonic() - back:.1f} s")
    drawn(fresh, 1)
    assert first_row(page).inner_text() == shown
    faded = page.locator(".st-key-answers").evaluate("each => getComputedStyle(each).opacity")
    assert float(faded) == 1


def test_a_narrow_screen_shows_it_all_without_scrolling_sideways(look):
    page = look("", "dark", width=420, height=900)
    expect(first_row(page)).to_be_visible()
    drawn(page, 3)
    wide = page.locator("[data-testid=stMain]").evaluate("each => each.scrollWidth")
    assert wide <= 420
    keep(page, "live-narrow")
