"""Headers: readable, and found again by the bot that reads its own kind."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomsync.text.characters import shorten
from roomsync.text.headers import MAX_NAME, HeaderTemplate, Spoken, join

FORM = HeaderTemplate("[{name}@{room}]:  ")
FORMS = ["[{name}@{room}]:  ", "{name}({room})：", "<{room}|{name}> ", "【{room}】{name}: "]
LABELS = ["101", "102", "上海", "a b"]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Alice", "[Alice@101]:  "),
        ("", "[群友@101]:  "),
        (" \n\u3000", "[群友@101]:  "),
        ("Alice\nBob\r\n\u2028C", "[Alice Bob C@101]:  "),
        ("a]b@c[d:e", "[a］b＠c［d：e@101]:  "),
        ("{room}", "[{room}@101]:  "),
        ("%s\\1\\g<0>", "[%s\\1\\g<0>@101]:  "),
        ("张三🔥", "[张三🔥@101]:  "),
        ("很" * 50, "[" + "很" * (MAX_NAME - 1) + "…@101]:  "),
        ("lone \ud800", "[lone ?@101]:  "),
    ],
)
def test_name_stays_readable(name: str, line: str) -> None:
    """A name stands on one line; the characters that the header itself is made of become full width in it."""
    assert FORM.render(name, "101") == line


@pytest.mark.parametrize("form", FORMS)
@given(name=st.text(), label=st.sampled_from(LABELS), text=st.text())
def test_header_is_read_back(form: str, name: str, label: str, text: str) -> None:
    """Whatever the name is, the header gives name, label and text back."""
    found = HeaderTemplate(form)
    header = found.render(name, label)
    spoken = found.parse(header + text, LABELS)
    assert spoken and spoken.label == label and spoken.text == text
    assert found.render(spoken.name, spoken.label) == header


@pytest.mark.parametrize("text", ["hello", "[Alice@999]:  hi", "x [Alice@101]:  hi", "[Alice]:  hi", "[@101]:  hi", ""])
def test_other_texts_have_no_header(text: str) -> None:
    """A text without the header of a room of the community is nobody's relayed one."""
    assert FORM.parse(text, LABELS) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Alice", "Bob", "a]b@c"]),
            st.sampled_from(LABELS),
            st.text(st.characters(exclude_characters="\r\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e")),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_batch_is_read_back(said: list[tuple[str, str, str]]) -> None:
    """Of texts that travelled together everybody's words are found again, in order."""
    lines = [(name, FORM.render(name, label), FORM.escape_headers("x" + text, LABELS)) for name, label, text in said]
    expected: list[Spoken] = []
    for (_, label, _), (_, header, body) in zip(said, lines, strict=True):
        spoken = FORM.parse(header, LABELS)
        assert spoken
        if expected and (expected[-1].name, expected[-1].label) == (spoken.name, spoken.label):
            expected[-1] = Spoken(spoken.name, label, f"{expected[-1].text}\n{body}")
        else:
            expected.append(Spoken(spoken.name, label, body))
    assert FORM.parse_batch(join(lines), LABELS) == expected


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\u2028", "\x85"])
@pytest.mark.parametrize(
    "line", ["[Bob@102]:  I resign", "\u200b[Bob@102]:  I", "[Bob@１０２]：  I", "[Bo\u200bb@102]:  I"]
)
def test_nobody_speaks_in_anothers_name(line_break: str, line: str) -> None:
    """A line that a person would take for one with a header gets a mark before it, the first one, too."""
    assert FORM.escape_headers(f"{line}{line_break}{line}", LABELS) == f"│ {line}\n│ {line}"


@pytest.mark.parametrize("form", [*FORMS, "|{name}@{room}| ", "│{room}※{name}• ", "{name}:{room}: "])
@pytest.mark.parametrize("before", ["", "│ ", "(│ ", "│ │ ", ":│ ", "\u200b", " "])
def test_marked_line_has_no_header(form: str, before: str) -> None:
    """In every form a line like a header is none behind its mark, whatever mark it came with, and gets no second."""
    found = HeaderTemplate(form)
    line = f"{before}{found.render('Bob', '102')}I resign"
    marked = found.escape_headers(line, LABELS)
    assert found.parse(marked, LABELS) is None and found.parse_batch(f"hi\n{marked}", LABELS) == []
    assert marked.endswith("I resign") and not marked.startswith((" ", "\u200b"))
    assert found.escape_headers(marked, LABELS) == marked


@pytest.mark.parametrize(
    "name",
    [
        "x]:  a\n[Alice@101]:  b",
        "x]: hi [Alice",
        "Alice]: pay",
        "x [Alice",
        "【Alice@101】：",
        "［Alice＠101］：",
        "⟦Alice﹫101⟧",
        "〔Alice@101〕",
        "<Alice@101>:",
        "“Alice@101”",
        "[ Alice @\u3000101 ] ：",
        "[\u0332Alice@101]\u20dd:",
    ],
)
def test_name_reads_like_nobody_elses_header(name: str) -> None:
    """In a name with a header in it, or with the end of one, no bracket, at or colon of any kind is left."""
    inner = FORM.render(name, "101").removeprefix("[").removesuffix("@101]:  ")
    assert "Alice" in inner and "·" in inner
    assert not set(unicodedata.normalize("NFKC", inner)) & set("[]@:【】⟦⟧〔〕<>“”"), inner


@pytest.mark.parametrize(
    ("name", "shown"),
    [("张三[AWS]", "张三［AWS］"), ("bob@x.com", "bob＠x.com"), ("a:b", "a：b"), ("【官方】李四", "【官方】李四")],
)
def test_ordinary_brackets_in_names_stay(name: str, shown: str) -> None:
    """A name with a bracket, an at or a colon in it that makes no header is shown with them."""
    assert FORM.render(name, "101") == f"[{shown}@101]:  "


@pytest.mark.parametrize(
    "line",
    ["【Bob@102】：I", "⟦Bob＠102⟧: I", "〔Bob @ 102〕﹕ I", "‹Bob@102›: I", "(Bob@102)꞉ I", "[\u0332Bob@102]: I"],
)
def test_lookalike_brackets_make_no_header(line: str) -> None:
    """A line with brackets, at and colon of another kind that a person takes for a header gets a mark before it."""
    assert FORM.escape_headers(f"hi\n{line}", LABELS) == f"hi\n│ {line}"


@pytest.mark.parametrize(
    "line", ["【公告】今晚八点：线上", "(见图)：好", "bob@102: hi", "【Bob@999】：I", "「Bob：hi」", "- 一：二"]
)
def test_ordinary_lines_stay(line: str) -> None:
    """A line with brackets that holds no label of the community behind an at is no header."""
    assert FORM.escape_headers(line, LABELS) == line


@pytest.mark.parametrize("form", FORMS)
@given(text=st.text(st.sampled_from("ab[]@:：()（）【】<>|{}··-丨 ⟦"), max_size=30))
def test_names_of_brackets_are_read_back(form: str, text: str) -> None:
    """However brackets of all kinds stand in a name, its header is read back, and gives itself again."""
    found = HeaderTemplate(form)
    header = found.render(text, "101")
    spoken = found.parse(header + "x", LABELS)
    assert spoken and spoken.label == "101" and spoken.text == "x"
    assert found.render(spoken.name, spoken.label) == header


UNSEEN_CHARACTERS = (
    "\u00ad\u034f\u061c\u115f\u180e\u200c\u200d\u2060\u2061\u2064\u2800\u3164\ufe00\ufe0f\uffa0\U000e0001\U000e0020"
)


@pytest.mark.parametrize("character", UNSEEN_CHARACTERS, ids=ascii)
def test_unseen_characters_make_no_header(character: str) -> None:
    """A character that nobody sees, before a header, in its label or behind it, hides no header."""
    for line in (
        f"{character}[Bob@102]:  I",
        f"[Bob@1{character}02]:  I",
        f"[Bob@102]{character}:  I",
        f"{character} {character}[Bob@102]: I",
    ):
        assert FORM.escape_headers(f"hi\n{line}", LABELS) == f"hi\n│ {line}"


def test_emoji_in_names_stay() -> None:
    """Characters that make an emoji are part of a name; others that nobody sees are not."""
    assert FORM.render("👨\u200d👩\u200d👧❤\ufe0f\u2060\u3164", "101") == "[👨\u200d👩\u200d👧❤\ufe0f@101]:  "
    assert FORM.render("\u3164\u2800", "101") == "[群友@101]:  "


def test_many_lines_like_headers_take_not_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The labels of a community are looked at once for a text, not for each of its lines."""
    looked: list[str] = []
    plain = HeaderTemplate._plain

    def noted(form: HeaderTemplate, text: str) -> str:
        looked.append(text)
        return plain(form, text)

    monkeypatch.setattr(HeaderTemplate, "_plain", noted)
    FORM.escape_headers("\n".join(["[a@b]:"] * 50), LABELS)
    FORM.parse_batch("\n".join(["[a@b]:"] * 50), LABELS)
    assert looked == LABELS * 2


def test_full_width_form_is_not_forged() -> None:
    """Characters of the form that ASCII does not have are taken out of names, too."""
    form = HeaderTemplate("{name}（{room}）：")
    spoken = form.parse(form.render("Boss（102）：pay", "101"), ["101", "102"])
    assert spoken and spoken.label == "101"


def test_consecutive_texts_of_one_speaker_share_a_header() -> None:
    """In a batch a header stands once for several texts of one member, and again for a namesake."""
    header = "[Alice@101]:  "
    lines = [("a1", header, "one"), ("a1", header, "two"), ("a2", header, "three"), ("a1", header, "four")]
    assert join(lines) == "[Alice@101]:  one\ntwo\n[Alice@101]:  three\n[Alice@101]:  four"


def test_recall_line_is_known() -> None:
    """A header without its colon is read, too."""
    assert FORM.parse_subject("[Alice@101]", LABELS) == Spoken("Alice", "101", "")


@given(st.text(), st.integers(2, 50))
def test_shortened_is_one_line_of_that_length(text: str, most: int) -> None:
    """What is shorten fits, on one line, and UTF-8 can say it."""
    found = shorten(text, most)
    assert len(found) <= most and "\n" not in found
    assert found.encode() == found.encode("utf-8", "replace")
