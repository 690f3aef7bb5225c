"""Relay: what the other rooms get for a message, to the letter."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roomsync.model import Author, Kind, Message, Part, Quote, Room
from roomsync.relay.rendering import Style, parts, parts_for_author
from roomsync.text.headers import HeaderTemplate
from roomsync.text.kinds import MAX_TITLE, kind_of_echo
from roomsync.text.quotes import parse_quote

FORM = HeaderTemplate("[{name}@{room}]:  ")
STYLE = Style(FORM)
HEAD = "[Alice@101]:  "
HERE = Room("r101", "Milvus用户交流群101", "Milvus用户交流群", "101")
LINES = {
    Kind.AUDIO: "[语音]",
    Kind.CONTACT: "[名片]",
    Kind.CHAT_HISTORY: "[聊天记录]",
    Kind.LOCATION: "[位置]",
    Kind.GROUP_NOTE: "[接龙]",
    Kind.TRANSFER: "[转账]",
    Kind.RED_ENVELOPE: "[红包]",
    Kind.POST: "[动态]",
    Kind.CHANNEL: "[视频号]",
    Kind.CALL: "[通话]",
    Kind.NOTE: "[笔记]",
    Kind.PRODUCT: "[商品]",
    Kind.ORDER: "[订单]",
    Kind.UNKNOWN: "[未知消息]",
}
CARDS = {Kind.IMAGE: "[图片]", Kind.URL: "[链接]", Kind.MINIPROGRAM: "[小程序]"}
CARDS |= {Kind.FILE: "[文件]", Kind.VIDEO: "[视频]", Kind.EMOTICON: "[表情]"}
NOTICES = (Kind.SYSTEM, Kind.RECALLED)


def said(kind: Kind, text: str = "", content: str | None = None, name: str = "Alice") -> Message:
    quote = parse_quote(text) if kind in (Kind.TEXT, Kind.UNKNOWN) else None
    return Message("m1", "r101", "alice", name, kind, text, content, quote)


def caption(kind: Kind, content: str | None) -> str:
    """The first line that the other rooms get, without the header."""
    first = parts(said(kind, content=content), HERE, STYLE)[0]
    assert first.kind is Kind.TEXT
    assert first.header == HEAD
    return first.body


@pytest.mark.parametrize(
    "text",
    ["hello", "", "two\nlines \n", "{name} {room} {0} %s $x", "「Bob：hi」\n- - -\nyes", "  x"],
)
def test_text_stands_unchanged_behind_its_header(text: str) -> None:
    """A text becomes one text: the header, then what was said, to the letter."""
    assert parts(said(Kind.TEXT, text), HERE, STYLE) == [Part(Kind.TEXT, text, HEAD)]


@pytest.mark.parametrize(
    ("kind", "content", "line"),
    [
        (Kind.IMAGE, '{"boxType":1,"name":"a.png","title":"none of ours"}', "[图片]"),
        (Kind.URL, '{"url":"https://example.org","title":"Milvus 3.0"}', "[链接] Milvus 3.0"),
        (Kind.MINIPROGRAM, ' {"appid":"wx1","title":"报名","new":[1]}\n', "[小程序] 报名"),
    ],
)
def test_card_follows_its_caption_unchanged(kind: Kind, content: str, line: str) -> None:
    """A picture, link or mini-program becomes its caption, then itself as the gateway wrote it."""
    assert parts(said(kind, content=content), HERE, STYLE) == [
        Part(Kind.TEXT, line, HEAD, caption=True),
        Part(kind, content, HEAD),
    ]


@pytest.mark.parametrize("content", [None, ""])
@pytest.mark.parametrize("kind", CARDS)
def test_card_that_could_not_be_had_shows_as_a_line(kind: Kind, content: str | None) -> None:
    """A card without its content becomes one line that sends people to the room it was said in."""
    line = f"{CARDS[kind]} 未能转发，仅原群可见"
    assert parts(said(kind, content=content), HERE, STYLE) == [Part(Kind.TEXT, line, HEAD)]


@pytest.mark.parametrize("content", [None, '{"title":"not shown"}'])
@pytest.mark.parametrize("kind", LINES)
def test_other_kinds_become_a_line(kind: Kind, content: str | None) -> None:
    """A kind that is not relayed becomes one line with WeChat's own word for it, and nothing of its text."""
    message = said(kind, "<xml/>", content)
    assert parts(message, HERE, STYLE) == [Part(Kind.TEXT, LINES[kind], HEAD)]


@pytest.mark.parametrize("kind", NOTICES)
def test_notices_of_wechat_become_nothing(kind: Kind) -> None:
    """What WeChat itself tells a room is not relayed."""
    assert parts(said(kind, "Bob joined", "{}"), HERE, STYLE) == []


def test_every_kind_is_tested() -> None:
    """Each kind is a text, a card, a line or a notice."""
    assert {Kind.TEXT, *CARDS, *LINES, *NOTICES} == set(Kind)


@pytest.mark.parametrize("kind", [Kind.URL, Kind.MINIPROGRAM])
@pytest.mark.parametrize(
    "content",
    [
        *("{}", "[]", "null", '"title"', "7", "NaN", "not JSON", '{"title":', "\ufeff{}"),
        *('{"title":null}', '{"title":5}', '{"title":["a"]}', '{"title":{"title":"a"}}', '{"title":" \\n"}'),
    ],
)
def test_card_without_a_title_is_captioned_by_its_kind(kind: Kind, content: str) -> None:
    """A card whose title is missing or no text, or that is no JSON, is relayed behind the bare word for its kind."""
    bare = Part(Kind.TEXT, CARDS[kind], HEAD, caption=True)
    assert parts(said(kind, content=content), HERE, STYLE) == [bare, Part(kind, content, HEAD)]


def test_title_stands_on_one_line() -> None:
    """Line breaks and runs of blanks in a title become one blank."""
    assert caption(Kind.URL, '{"title":" Milvus\\n\\n 3.0 "}') == "[链接] Milvus 3.0"


@pytest.mark.parametrize(
    ("title", "shown"),
    [("长" * MAX_TITLE, "长" * MAX_TITLE), ("长" * (MAX_TITLE + 1), "长" * (MAX_TITLE - 1) + "…")],
)
def test_long_title_is_cut(title: str, shown: str) -> None:
    """A title that fits is shown whole, a longer one is cut to the same length with an ellipsis."""
    assert caption(Kind.MINIPROGRAM, json.dumps({"title": title})) == f"[小程序] {shown}"


@settings(deadline=None)
@given(st.sampled_from(list(Kind)), st.text(), st.none() | st.text(), st.text())
def test_any_message_becomes_a_caption_and_at_most_one_card(
    kind: Kind, text: str, content: str | None, name: str
) -> None:
    """Whatever was said, there is nothing, or a text, or a text and the card itself."""
    found = [part.kind for part in parts(said(kind, text, content, name), HERE, STYLE)]
    assert found == ([] if kind in NOTICES else [Kind.TEXT, kind] if kind in CARDS and content else [Kind.TEXT])


@pytest.mark.parametrize(
    ("kind", "text", "echo"),
    [
        (Kind.TEXT, "Sync Bot: [图片]", Kind.IMAGE),
        (Kind.TEXT, "[Alice@101]:  [图片]", Kind.TEXT),
        (Kind.TEXT, "[Alice@101]:  [图片] 未能转发，仅原群可见", Kind.TEXT),
        (Kind.TEXT, "look: [图片] of the bot", Kind.TEXT),
        (Kind.IMAGE, "", Kind.IMAGE),
        (Kind.URL, "Sync Bot: [图片]", Kind.URL),
    ],
)
def test_echo_of_a_picture_is_known(kind: Kind, text: str, echo: Kind) -> None:
    """Padlocal's line for a picture that the bot sent is that picture; the bot's caption for it is a text."""
    assert kind_of_echo(kind, text) is echo


@pytest.mark.parametrize(
    "message",
    [
        said(Kind.URL, content='{"title": "@所有人 look"}'),
        said(Kind.GROUP_NOTE, "@所有人 sign here"),
        said(Kind.TEXT, f"「Bob：@所有人 tomorrow」\n{'- ' * 14}-\nyes"),
        said(Kind.TEXT, "hi", name="@所有人"),
    ],
    ids=["title", "note", "quote", "name"],
)
def test_nobody_pings_everybody(message: Message) -> None:
    """Neither a title, a note, a quote nor a name has `@所有人` in it as a client looks for it."""
    shown = [
        part.header + part.body for part in parts(message, HERE, Style(HeaderTemplate("{name} ({room}): ")), ["101"])
    ]
    assert "＠所有人" in shown[0] and "@所有人" not in shown[0]


ALICE = Author("alice", "Alice", "r102")
QUOTE_LINE = "「Alice：hello」"


def reply(text: str, key: int | None, name: str = "Bob") -> Message:
    """A reply; `key`: that of what it quotes, where it came by an id that the bot knows."""
    return Message("m2", "r101", "bob", name, Kind.TEXT, text, quote=Quote("Alice", "hello", text, "m1", key))


def test_line_of_a_known_quote_stands_apart() -> None:
    """Of a reply to a message that is known by its key the words go without the line, also to the author at home."""
    known, other = reply("yes", 7), reply("yes", None)
    header, rest = "[Bob@101]:  ", (7, QUOTE_LINE)
    assert parts(known, HERE, STYLE) == [Part(Kind.TEXT, "yes", header, "", False, *rest)]
    for_author = parts_for_author(known, HERE, STYLE, [], ALICE)
    assert for_author == [Part(Kind.TEXT, "@Alice\u2005yes", header, "alice", False, *rest)]
    assert parts(other, HERE, STYLE) == [Part(Kind.TEXT, f"yes\n{QUOTE_LINE}", header)]


def test_line_apart_pings_nobody() -> None:
    """In the line that stands apart, too, nobody mentions everybody."""
    message = Message("m2", "r101", "bob", "Bob", Kind.TEXT, quote=Quote("Alice", "@所有人 hi", "yes", "m1", 7))
    assert parts(message, HERE, STYLE)[0].quote_line == "「Alice：＠所有人 hi」"


@pytest.mark.parametrize("limit", [500, 2000])
@given(text=st.text(min_size=1, max_size=3000))
def test_last_piece_of_a_long_reply_has_the_line(limit: int, text: str) -> None:
    """A reply over the limit goes in pieces, of which the last has the line, and none is over the limit with it."""
    just_fits = "x" * (limit - len("[Bob@101]:  "))  # without the line
    for message in (reply(text, 7), reply("长" * 1000 + text, 7), reply(just_fits, 7)):
        for pieces in (
            parts(message, HERE, Style(FORM, limit)),
            parts_for_author(message, HERE, Style(FORM, limit), [], ALICE),
        ):
            assert [(one.quoted, one.quote_line) for one in pieces[:-1]] == [(None, "")] * (len(pieces) - 1)
            assert (pieces[-1].quoted, pieces[-1].quote_line) == (7, QUOTE_LINE)
            sizes = [len(f"{one.header}{one.body}\n{one.quote_line}".encode()) for one in pieces]
            assert max([sizes[-1], *(size - 1 for size in sizes[:-1])]) <= limit


def test_line_beside_an_endless_header_is_split_with_the_words() -> None:
    """Where header and line leave no place for words, the line goes with these, in pieces that fit."""
    style = Style(HeaderTemplate("{name}@{room}" + "长" * 45 + ": "), 500)
    room = Room("r101", "", "", "𠀀" * 40)
    message = Message("m2", "r101", "bob", "𠀀" * 40, Kind.TEXT, quote=Quote("长" * 20, "长" * 60, "yes", "m1", 7))
    pieces = parts(message, room, style)
    assert [(one.quoted, one.quote_line) for one in pieces] == [(None, "")] * len(pieces)
    assert max(len((one.header + one.body).encode()) for one in pieces) <= 500 < len(pieces) * 500
