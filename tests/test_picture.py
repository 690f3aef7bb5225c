"""The pictures of the demo in the READMEs: they are what the demo shows now, and need nothing from anywhere."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from docs.picture import LANGUAGES, TALK_X, WIDTH, picture, run

DOCS = Path(__file__).parent.parent / "docs"
RUNS = 3  # the demo's staff is told of two adverts at once, unless it looks between them
NAMESPACE = "http://www.w3.org/2000/svg"


@pytest.mark.parametrize("name", LANGUAGES)
def test_picture_is_what_the_demo_shows(name: str) -> None:
    """The committed picture is the one that `python docs/picture.py` makes of the demo as it is now."""
    committed = (DOCS / name).read_text(encoding="utf-8")
    assert any(picture(run(LANGUAGES[name])) == committed for _ in range(RUNS)), "run: python docs/picture.py"


@pytest.mark.parametrize("name", LANGUAGES)
def test_picture_needs_nothing_else(name: str) -> None:
    """It is well-formed, small, and has no script, no picture, no font and no address but the namespace."""
    text = (DOCS / name).read_text(encoding="utf-8")
    kinds = {one.tag.removeprefix(f"{{{NAMESPACE}}}") for one in ElementTree.fromstring(text).iter()}
    assert kinds == {"svg", "title", "style", "rect", "circle", "text", "tspan"}
    assert re.findall(r"[a-z]+://[^\"]*", text) == [NAMESPACE]
    assert not re.search(r"@import|@font-face|url\(|href", text) and len(text.encode()) < 60_000
    assert "prefers-color-scheme: dark" in text


def test_picture_cuts_what_has_no_room() -> None:
    """A long line goes on in the next, at the same place, and nothing of it is lost; `<` and `&` are written safely."""
    words = " ".join(["<b>&词语"] * 40)
    printed = "".join(f"── {number}\n\n101  Alice   {words}\n" for number in range(10))
    drawn = ElementTree.fromstring(picture(printed))
    pieces = [one for one in drawn.iter(f"{{{NAMESPACE}}}tspan") if one.get("x") == str(TALK_X)]
    text = " ".join(one.text or "" for one in pieces)
    assert text.count("<b>&词语") == 3 * 40 and len(pieces) > 3
    assert max(len(one.text or "") for one in pieces) * 7.8 < WIDTH - TALK_X
