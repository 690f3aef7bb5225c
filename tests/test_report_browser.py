"""The page of `--report` in headless Chromium: at the width of a phone and of a desk, light and dark."""

import os
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from roomsync import language
from roomsync.report import write_report
from tests import weeks
from tests.browser import Browser, browser, found

NOW = 1_790_000_000.0
WIDTHS = (390, 1280)
OVERFLOWING = """
[...document.querySelectorAll("body *")].filter(one => !one.closest("details, .scroll")
    && one.getBoundingClientRect().right > innerWidth + 0.5).map(one => one.outerHTML.slice(0, 80))
"""
# Of a table on a phone nothing has to be pushed aside, either.
PUSHED = '[...document.querySelectorAll(".scroll")].filter(one => one.scrollWidth > one.clientWidth).length'
SIZES = """
[...document.querySelectorAll("svg.plot, svg.share, svg.plot rect")].map(one => one.getBoundingClientRect())
    .filter(box => !(box.width > 0 && box.height > 0)).length
"""


@pytest.fixture(scope="module", autouse=True)
def chromium_is_there() -> None:
    if found() is None:
        if os.environ.get("CI") and sys.platform != "win32":
            pytest.fail("Chromium is not installed: apt-get install chromium")
        pytest.skip("Chromium is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the state files of a week and of a month."""
    made = tmp_path_factory.mktemp("reports")
    weeks.fill(made / "7.db", NOW)
    weeks.fill(made / "30.db", NOW, days=30, rooms=3, lively=0.2)
    return made


def report(folder: Path, speaks: str = "en", days: int = 7) -> Path:
    """The report of a week or of a month, written anew."""
    page = folder / "report.html"
    page.unlink(missing_ok=True)
    language.use(speaks)
    try:
        return write_report(folder / f"{days}.db", page, ["Milvus用户交流群"], NOW)
    finally:
        language.use("en")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A tab of a browser for all the tests, for a start of it costs more than a look; each look loads its page anew."""
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize("speaks", language.LANGUAGES)
def test_it_fits_on_phone_and_desk(folder: Path, tab: Browser, speaks: str) -> None:
    """At both widths, light and dark, nothing is wider than the window, every picture has a size, and nothing fails."""
    page = report(folder, speaks)
    for width in WIDTHS:
        for dark in (False, True):
            tab.open(page, width, dark=dark)
            assert tab.value("innerWidth") == width
            assert tab.value("document.documentElement.scrollWidth <= innerWidth")
            assert (tab.value(OVERFLOWING), tab.value(PUSHED)) == ([], 0)
            assert tab.value('document.querySelectorAll("svg.plot").length') == 2
            assert tab.value(SIZES) == 0
            assert (tab.requests(), tab.complaints()) == ([page.absolute().as_uri()], [])


def test_it_is_dark_where_the_system_is(folder: Path, tab: Browser) -> None:
    """Ground and letters change places with the system's scheme."""
    page = report(folder)
    colours = []
    for dark in (False, True):
        tab.open(page, 390, dark=dark)
        look = "(style => [style.backgroundColor, style.color].map(one => one.match(/\\d+/g).map(Number)[1]))"
        colours.append(tab.value(f"{look}(getComputedStyle(document.body))"))
    (light_ground, light_ink), (dark_ground, dark_ink) = colours
    assert light_ground > 200 > 60 > light_ink and dark_ground < 60 < 200 < dark_ink


def test_what_a_page_would_ask_for_is_seen(tmp_path: Path, tab: Browser) -> None:
    """The browser of these tests sees an address that a page asks for, a script's error and what is too wide."""
    path = tmp_path / "bad.html"
    path.write_text(
        '<meta name="viewport" content="width=device-width"><p style="width:500px">x</p>'
        '<img src="http://example.invalid/a.png"><script>fail()</script>',
        encoding="utf-8",
    )
    tab.open(path, 390)
    assert "http://example.invalid/a.png" in tab.requests() and tab.complaints()
    assert tab.value("innerWidth") > 390  # a phone shows more of a page that is too wide


@pytest.mark.parametrize(("days", "speaks"), [(7, "zh"), (7, "en"), (30, "zh")])
def test_names_of_days_stand_apart(folder: Path, tab: Browser, days: int, speaks: str) -> None:
    """Of a week and of a month the names of the days under a picture do not touch each other on a phone."""
    tab.open(report(folder, speaks, days), 390)
    boxes = '[...document.querySelector("svg.plot").querySelectorAll(".day")].map(one => one.getBoundingClientRect())'
    lines = tab.value(f"{boxes}.map(box => [box.top, box.left, box.right])")
    tops = {top for top, _, _ in lines}
    assert len(tops) == 2
    for top in tops:
        row = sorted((left, right) for one, left, right in lines if one == top)
        assert len(row) >= 5 and all(right + 3 < left for (_, right), (left, _) in pairwise(row))
