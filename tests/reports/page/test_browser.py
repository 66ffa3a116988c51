"""The page in a real browser: what a reader does with the mouse, with the keyboard alone, and on a phone."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from msgspec import structs
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from benchmarks.config import Config
from benchmarks.label_scores import LabelScores
from benchmarks.panels import Panel, write_panels
from benchmarks.records import RunRecord, Status
from benchmarks.stacks import Stack, eight_bit, write_stacks
from reports.build import build_report

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), "")
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'><!--"
PAIRS = 60
SLICES = 5

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium here: apt-get install chromium")


@dataclass
class Visit:
    """An open page and what it said and asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def table(self, title: str) -> Locator:
        return self.page.get_by_role("table", name=title, exact=True)


@pytest.fixture(scope="module")
def report(
    make: Callable[..., RunRecord],
    make_config: Callable[..., Config],
    make_panel: Callable[..., Panel],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Return a page of a 2D dataset with many pairs and hostile names, and of a 3D pair with stacks."""
    folder = tmp_path_factory.mktemp("page")
    config = make_config("identity", "ours", "other", datasets=("flat", "solid"), title=HOSTILE)
    records = []
    for number, run in enumerate(("identity", "ours", "other", HOSTILE)):
        track = "reference" if run == "identity" else "matched"
        params = {f"option_{letter}": 1 for letter in "abcdefghijklmnopqrst"} if run == "ours" else {}
        for pair in range(PAIRS):
            name = HOSTILE if pair == 7 else f"p{pair}"
            records.append(
                make(run, name, dataset="flat", track=track, kind="kind", before={"dice": 0.5},
                     seconds={"forward": 1.0 + number}, params=params, dice=0.5 + number / 10 + pair / 1000)
            )  # fmt: skip
        stem = f"artefacts/{number}"
        panel = make_panel(left_over=4.0 - number)
        write_panels(folder / f"{stem}.npz", {"axial": panel, "coronal": panel})
        write_stacks(
            folder / f"{stem}-stacks.npz", {"axial": stack(panel, number), "coronal": stack(panel, number)}
        )
        kept = {"panels": f"{stem}.npz", "stacks": f"{stem}-stacks.npz"}
        solid = make(
            run,
            "head",
            dataset="solid",
            track=track,
            dimension=3,
            params=params,
            artefacts=kept,
            dice=0.6 + number / 10,
        )
        labels = {HOSTILE: {"dice": 0.6}, "left": {"dice": 0.7}}
        records.append(structs.replace(solid, labels=LabelScores.of(labels)))
    records[-2] = make(HOSTILE, "p59", dataset="flat", status=Status.FAILED, message=HOSTILE)
    build_report(folder, config, records, descriptions={"flat": HOSTILE}, command="the command")
    return folder / "report.html"


def stack(panel: Panel, number: int) -> Stack:
    """Return slices that differ from each other in brightness, and warped ones that differ between runs."""
    fixed, moving = (eight_bit(image) for image in (panel.fixed, panel.moving))
    bright = [np.full_like(fixed, 50 * place + 10 * number) for place in range(SLICES)]
    return Stack(np.stack([fixed] * SLICES), np.stack([moving] * SLICES), np.stack(bright), panel.spacing_mm)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Open the page from disk; afterwards it must have said nothing and asked for nothing but itself."""
    settings = {"width": 1280, "dark": False} | getattr(request, "param", {})
    context = browser.new_context(
        viewport={"width": settings["width"], "height": 800},
        color_scheme="dark" if settings["dark"] else "light",
    )
    page = context.new_page()
    visit = Visit(page)
    page.on("console", lambda message: visit.said.append(message.text))
    page.on("pageerror", lambda error: visit.said.append(str(error)))
    page.on("request", lambda request: visit.asked.append(request.url))
    page.goto(report.as_uri())
    yield visit
    assert page.evaluate("window.hacked") is None
    assert visit.said == []
    assert [url for url in visit.asked if not url.startswith("data:")] == [report.as_uri()]
    context.close()


def first_column(table: Locator) -> list[str]:
    table.wait_for()
    return table.locator("tbody th").all_inner_texts()


def open_head(visit: Visit) -> Page:
    """Open the pair with stacks."""
    page = visit.page
    page.get_by_text("Every pair (1)").click()
    page.get_by_role("button", name="head", exact=True).click()
    page.locator(".viewer[data-drawn]").wait_for()
    return page


def drawn(page: Page, share: float) -> list[int]:
    """Return the colour in the middle row of the picture, that far from its left."""
    pixel = page.locator("canvas").evaluate(
        "(canvas, share) => { const copy = document.createElement('canvas');"
        "const context = copy.getContext('2d', { willReadFrequently: true });"
        "const [x, y] = [Math.floor(canvas.width * share), Math.floor(canvas.height / 2)];"
        "context.drawImage(canvas, x, y, 1, 1, 0, 0, 1, 1);"
        "return [...context.getImageData(0, 0, 1, 1).data]; }",
        share,
    )
    return [int(value) for value in pixel[:3]]


def wait_for(page: Page, **state: object) -> None:
    """Wait until the picture shows a state."""
    page.wait_for_function(
        "wanted => { const found = JSON.parse(document.querySelector('.viewer').dataset.drawn || '{}');"
        "return Object.entries(wanted).every(([key, value]) => found[key] === value); }",
        arg=state,
    )


def test_headings_sort_and_say_so(visit: Visit) -> None:
    table = visit.table("Scores: solid")
    heading = table.get_by_role("columnheader", name="Dice")
    assert heading.get_attribute("aria-sort") == "none"
    before = first_column(table)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert visit.page.locator("#live").inner_text() == "Sorted by Dice, ascending"
    ascending = first_column(table)
    assert ascending == ["identity (before)", "ours", "other", HOSTILE]
    heading.get_by_role("button").click()
    assert first_column(table) == ascending[::-1]
    heading.get_by_role("button").click()
    assert first_column(table) == before


def test_the_first_thing_said_is_which_backend_to_choose(visit: Visit) -> None:
    section = visit.page.get_by_role("region", name="Which backend to choose")
    assert section.get_by_role("heading", level=3).all_inner_texts() == ["flat", "solid"]
    assert section.get_by_role("listitem").first.inner_text().startswith("Nothing can be concluded")


def test_filter_and_pages_of_many_pairs(visit: Visit) -> None:
    page = visit.page
    page.get_by_text(f"Every pair ({PAIRS})").click()
    table = visit.table("Dice of every pair: flat")
    table.wait_for()
    assert table.locator("tbody tr").count() == 50
    page.get_by_role("button", name="Next").click()
    assert first_column(table)[-1] == "p59"
    assert table.locator("tbody tr").count() == PAIRS - 50
    block = page.locator(".table-block", has=table)
    block.get_by_label("Filter").fill("p1")
    assert first_column(table) == ["p1", *(f"p{number}" for number in range(10, 20))]
    assert page.locator("#live").inner_text() == f"11 of {PAIRS} rows shown"
    block.get_by_label("Filter").fill("nothing of the kind")
    assert table.locator("tbody").inner_text() == "No row matches."


def test_a_score_leads_to_its_pairs_and_a_pair_to_all_that_is_known_of_it(visit: Visit) -> None:
    page = visit.page
    visit.table("Scores: flat").get_by_role("row", name="other").locator("td .cell").first.click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("heading").inner_text() == "other: Dice of every pair"
    assert first_column(dialog.get_by_role("table"))[:2] == ["p0", "p1"], "the worst come first"
    dialog.get_by_role("button", name="p1", exact=True).click()
    assert dialog.get_by_role("heading").inner_text() == "p1"
    scores = dialog.get_by_role("table", name="Scores of this pair")
    assert scores.get_by_role("row", name="other").locator("td").nth(1).inner_text() == "0.701"
    assert "No images of this pair were kept" in dialog.inner_text()
    dialog.get_by_role("button", name="Back to the pairs").click()
    assert dialog.get_by_role("heading").inner_text() == "other: Dice of every pair"
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_failed_job_says_how_it_ended(visit: Visit) -> None:
    page = visit.page
    visit.table("Scores: flat").get_by_role("row").last.locator("td .cell").first.click()
    table = page.get_by_role("dialog").get_by_role("table")
    page.get_by_role("dialog").get_by_label("Filter").fill("failed")
    assert first_column(table) == ["p59"]
    assert f"register: {HOSTILE}" in table.inner_text()


def test_slider_parts_fixed_from_warped_and_slices_scroll(visit: Visit) -> None:
    page = open_head(visit)
    wait_for(page, position=50, slice=2)
    fixed_middle = drawn(page, 0.45)
    assert drawn(page, 0.9) == pytest.approx([110] * 3, abs=3), (
        "slice 2 of the first run, right of the middle"
    )
    page.get_by_label("Divide at").fill("20")
    wait_for(page, position=20)
    assert drawn(page, 0.45) != pytest.approx(fixed_middle, abs=3)
    assert drawn(page, 0.45) == pytest.approx([110] * 3, abs=3)
    page.get_by_role("slider", name="Slice 3 of 5").fill("4")
    wait_for(page, slice=4)
    assert drawn(page, 0.9) == pytest.approx([210] * 3, abs=3)
    page.locator("canvas").hover()
    page.mouse.wheel(0, -100)
    wait_for(page, slice=3)
    assert drawn(page, 0.9) == pytest.approx([160] * 3, abs=3)
    page.get_by_label("Other image").select_option(label="Warped by other")
    wait_for(page, shown=1)
    assert drawn(page, 0.9) == pytest.approx([170] * 3, abs=3)


def test_other_planes_and_other_ways_to_compare(visit: Visit) -> None:
    page = open_head(visit)
    page.get_by_label("Compare by").select_option("difference")
    wait_for(page, mode="difference")
    assert drawn(page, 0.02) == pytest.approx([110] * 3, abs=4), "the fixed image is black there"
    assert not page.get_by_label("Divide at").is_visible()
    page.get_by_label("Plane").select_option(label="coronal")
    wait_for(page, plane=1)
    assert "coronal slice 3 of 5" in str(page.locator("canvas").get_attribute("aria-label"))


def test_keyboard_alone_sorts_opens_a_pair_and_moves_its_sliders(visit: Visit) -> None:
    page = visit.page
    keys = page.keyboard
    keys.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the results"
    assert tab_to(page, lambda text: text == "Run")
    keys.press("Enter")
    assert page.locator("[aria-sort=ascending]").count() == 1
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus can be seen"
    assert tab_to(page, lambda text: text == "Every pair (1)")
    keys.press("Enter")
    page.get_by_role("button", name="head", exact=True).wait_for()
    assert tab_to(page, lambda text: text == "head")
    keys.press("Enter")
    page.locator(".viewer[data-drawn]").wait_for()
    assert page.evaluate("document.activeElement.id") == "detail-title"
    assert tab_to(page, lambda _: page.evaluate("document.activeElement.name") == "position")
    keys.press("ArrowRight")
    wait_for(page, position=51)
    assert tab_to(page, lambda _: page.evaluate("document.activeElement.name") == "slice")
    keys.press("ArrowRight")
    wait_for(page, slice=3)
    keys.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "head", "focus returns to where it was"


def tab_to(page: Page, found: Callable[[str], bool]) -> bool:
    for _ in range(150):
        page.keyboard.press("Tab")
        if found(str(page.evaluate("document.activeElement.textContent"))):
            return True
    return False


def test_hostile_names_are_shown_as_they_are(visit: Visit) -> None:
    page = visit.page
    assert page.get_by_role("heading", level=1).inner_text() == HOSTILE
    assert page.title() == HOSTILE
    assert HOSTILE in first_column(visit.table("Scores: flat"))
    page.get_by_text("Every label (2)").click()
    assert HOSTILE in first_column(visit.table("Dice per label: solid"))
    assert page.locator("main img:not([src^='data:'])").count() == 0


@pytest.mark.parametrize("visit", [{"width": 400}, {"width": 400, "dark": True}], indirect=True)
def test_narrow_page_scrolls_tables_in_their_box_only(visit: Visit) -> None:
    page = visit.page
    for summary in page.locator("main summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    box = page.locator(".scroll", has=visit.table("Scores: flat"))
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    box.evaluate("box => { box.scrollLeft = 150; }")
    name, frame = box.locator("tbody th").first.bounding_box(), box.bounding_box()
    assert name is not None
    assert frame is not None
    assert name["x"] == pytest.approx(frame["x"], abs=2), "names stay in sight"
    page.get_by_role("button", name="head", exact=True).click()
    page.locator(".viewer[data-drawn]").wait_for()
    assert page.locator("#detail").evaluate("box => box.scrollWidth <= 400")


def right_edge(box: Locator) -> tuple[int, ...]:
    """Return the commonest colour of the last pixels before the border of a box, below its headings."""
    with Image.open(io.BytesIO(box.screenshot())) as picture:
        column = picture.convert("RGB").crop((picture.width - 4, 100, picture.width - 3, picture.height - 20))
    colours = column.getcolors()
    assert colours
    colour = max(colours)[1]
    assert isinstance(colour, tuple)
    return colour


@pytest.mark.parametrize("visit", [{"width": 400}, {"width": 400, "dark": True}], indirect=True)
@pytest.mark.parametrize("what", ["table", "figure"])
def test_a_shade_says_that_a_box_scrolls_until_its_end(visit: Visit, what: str) -> None:
    page = visit.page
    if what == "table":
        box = page.locator(".scroll", has=visit.table("Scores: flat"))
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    else:
        box = page.locator(".paper").first
        ground = "rgb(255, 255, 255)"
    box.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.paper img').complete")
    assert f"rgb{right_edge(box)}" != ground
    box.evaluate("box => { box.scrollLeft = box.scrollWidth; }")
    assert f"rgb{right_edge(box)}" == ground


@pytest.mark.parametrize("visit", [{"width": 400}], indirect=True)
def test_columns_of_long_texts_are_wide_and_commands_stay_whole(visit: Visit) -> None:
    page = visit.page
    runs = visit.table("Runs")
    parameters = runs.get_by_role("columnheader", name="Parameters").bounding_box()
    assert parameters
    assert parameters["width"] >= 24 * 16
    tallest = runs.evaluate("table => Math.max(...[...table.rows].map((row) => row.offsetHeight))")
    assert tallest < 300
    command = page.locator("code", has_text="python -m benchmarks calibrate").first
    assert command.evaluate("code => code.offsetHeight < 2 * parseFloat(getComputedStyle(code).lineHeight)")


@pytest.mark.parametrize("visit", [{"dark": True}], indirect=True)
def test_dark_where_the_system_is_and_light_at_the_readers_wish(visit: Visit) -> None:
    page = visit.page
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    toggle = page.get_by_role("button", name="Dark")
    assert toggle.get_attribute("aria-pressed") == "true"
    toggle.click()
    assert toggle.get_attribute("aria-pressed") == "false"
    assert page.evaluate(ground) == "rgb(255, 255, 255)" != dark


@pytest.mark.parametrize("visit", [{"dark": False}, {"dark": True}], indirect=True)
def test_no_known_barrier_to_access(visit: Visit) -> None:
    page = visit.page
    for summary in page.locator("main summary").all():
        summary.click()
    whole = Axe().run(page)
    assert whole.violations_count == 0, whole.generate_report()
    page.get_by_role("button", name="head", exact=True).click()
    page.locator(".viewer[data-drawn]").wait_for()
    opened = Axe().run(page)
    assert opened.violations_count == 0, opened.generate_report()
