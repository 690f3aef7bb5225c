"""Quotes, in the exact forms of the gateways."""

from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomsync.model import Quote
from roomsync.text.headers import HeaderTemplate
from roomsync.text.quotes import MAX_QUOTE, line_of_quote, parse_quote

FORM = HeaderTemplate("[{name}@{room}]:  ")
D15, D16 = "- " * 14 + "-", "- " * 15 + "-"
XML = (
    '<?xml version="1.0"?>\n<msg><appmsg appid="" sdkver="0"><title>yes &amp; no</title><type>57</type><refermsg>'
    "<type>{kind}</type><svrid>42</svrid><fromusr>1@chatroom</fromusr><chatusr>wxid_a</chatusr>"
    "<displayname>Alice</displayname><content>{content}</content></refermsg></appmsg></msg>"
)


def card(kind: int, title: str) -> str:
    """A card that is quoted, as it stands in the content of a `refermsg`."""
    return escape(f"<msg><appmsg><title>{title}</title><type>{kind}</type></appmsg></msg>")


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        (f"「Alice：hello」\n{D15}\nhi", Quote("Alice", "hello", "hi")),
        (f"「Alice：hello」\n{D16}\nhi", Quote("Alice", "hello", "hi")),
        (f"「Alice：two\nlines」\n{D15}\nand\nmore", Quote("Alice", "two\nlines", "and\nmore")),
        (f"「Alice：a」b」\n{D15}\nhi", Quote("Alice", "a」b", "hi")),
        (
            f"「Bob：「Alice：one」\n{D15}\ntwo」\n{D15}\nthree",
            Quote("Bob", f"「Alice：one」\n{D15}\ntwo", "three"),
        ),
        (XML.format(kind=1, content="hello"), Quote("Alice", "hello", "yes & no", "42")),
        (XML.format(kind=3, content="&lt;msg&gt;"), Quote("Alice", "[图片]", "yes & no", "42")),
        (XML.format(kind=49, content=card(5, "Title")), Quote("Alice", "[链接] Title", "yes & no", "42")),
        (XML.format(kind=49, content=card(57, "hello")), Quote("Alice", "hello", "yes & no", "42")),
        (XML.format(kind=49, content=card(2000, "Title")), Quote("Alice", "[卡片] Title", "yes & no", "42")),
        (XML.format(kind=49, content="&lt;msg&gt;"), Quote("Alice", "[卡片]", "yes & no", "42")),
        ("wxid_b:\n" + XML.format(kind=1, content="hello"), Quote("Alice", "hello", "yes & no", "42")),
    ],
)
def test_quote_is_understood(text: str, quote: Quote) -> None:
    """Who said what is quoted, its words and the reply are found in every form that a gateway gives."""
    assert parse_quote(text) == quote


@pytest.mark.parametrize(
    "text",
    [
        *(
            "hello",
            "",
            "「Alice：hello」",
            f"「Alice hello」\n{D15}\nhi",
            "「Alice：hello」\n- - -\nhi",
            "<msg>",
            "<msg></msg>",
        ),
        XML.format(kind=1, content="x").replace("57", "5"),
        XML.format(kind=1, content="x").replace("</msg>", ""),
        '<msg><!DOCTYPE x [<!ENTITY a "aaaa">]>refermsg&a;</msg>',
    ],
)
def test_other_texts_are_no_quotes(text: str) -> None:
    """What only looks like a quote is an ordinary text."""
    assert parse_quote(text) is None


NAMES = st.text(st.characters(exclude_characters="：「」\n"), max_size=20)
PLAIN = st.text(st.characters(exclude_characters="「」"), max_size=50)


@given(NAMES, PLAIN, PLAIN)
def test_text_form_is_read_back(name: str, content: str, reply: str) -> None:
    """Whatever was quoted and answered, both are found again."""
    assert parse_quote(f"「{name}：{content}」\n{D15}\n{reply}") == Quote(name, content, reply)


@pytest.mark.parametrize(
    ("quote", "line"),
    [
        (Quote("Alice", "hello\nyou", ""), "「Alice：hello you」"),
        (Quote("小助手", "[Alice@101]:  hello", ""), "「Alice@101：hello」"),
        (Quote("Bob", f"「Alice：one」\n{D15}\ntwo", ""), "「Bob：two」"),
        (Quote("小助手", "[Bob@102]:  two\n「Alice：one」", ""), "「Bob@102：two」"),
        (Quote("Alice", "长" * 80, ""), "「Alice：" + "长" * (MAX_QUOTE - 1) + "…」"),
    ],
)
def test_quote_is_one_short_line(quote: Quote, line: str) -> None:
    """What was quoted is shown on one line: no header of ours, no quote in the quote, at most 60 characters."""
    assert line_of_quote(quote, FORM, ["101", "102"]) == line
