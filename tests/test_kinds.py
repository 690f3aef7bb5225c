"""The readable line for each kind, with what the gateway tells of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomsync.loopback.account import TYPES
from roomsync.model import Kind
from roomsync.text.kinds import WORDS, inline_bytes, line_of

HISTORY = (
    "<msg><appmsg><title>群聊的聊天记录</title><type>19</type><recorditem>&lt;recordinfo&gt;"
    "&lt;datalist count=&quot;3&quot;&gt;</recorditem></appmsg></msg>"
)
PLACE = '<msg><location x="1" y="2" label="上海市黄浦区" poiname="人民广场" /></msg>'


@pytest.mark.parametrize(
    ("kind", "text", "content", "line"),
    [
        (Kind.IMAGE, "", '{"name": "a.png"}', "[图片]"),
        (Kind.FILE, "", json.dumps({"boxType": 7, "name": "a.pdf", "size": 1_234_567}), "[文件] a.pdf (1.2 MB)"),
        (Kind.FILE, "", json.dumps({"boxType": 1, "name": "a.txt", "base64": "aaaa" * 500}), "[文件] a.txt (1.5 KB)"),
        (Kind.VIDEO, "", json.dumps({"boxType": 7, "name": "1.mp4", "size": 2_000_000}), "[视频] (2.0 MB)"),
        (Kind.EMOTICON, "", '{"name": "x.gif"}', "[表情]"),
        (Kind.URL, "", '{"title": "Title", "url": "u"}', "[链接] Title"),
        (Kind.MINIPROGRAM, "", '{"title": "Meetup"}', "[小程序] Meetup"),
        (Kind.LOCATION, "", json.dumps({"name": "人民广场", "address": "黄浦区"}), "[位置] 人民广场 黄浦区"),
        (Kind.LOCATION, PLACE, None, "[位置] 人民广场 上海市黄浦区"),
        (Kind.CONTACT, "", '{"name": "Bob"}', "[名片] Bob"),
        (Kind.CONTACT, '<msg nickname="Bob"/>', None, "[名片] Bob"),
        (Kind.AUDIO, '<msg><voicemsg voicelength="2303" /></msg>', None, "[语音] 2 秒"),
        (Kind.AUDIO, "", None, "[语音]"),
        (Kind.CHAT_HISTORY, HISTORY, None, "[聊天记录] 群聊的聊天记录 (3 条)"),
        (Kind.CHAT_HISTORY, "周会", '{"count": 12}', "[聊天记录] 周会 (12 条)"),
        (Kind.CHAT_HISTORY, "&lt;msg&gt;", '{"count": "many"}', "[聊天记录]"),
        (Kind.RED_ENVELOPE, "<msg><title><![CDATA[恭喜发财]]></title></msg>", None, "[红包] 恭喜发财"),
        (Kind.TRANSFER, "", None, "[转账]"),
        (Kind.GROUP_NOTE, "1. Alice\n2. Bob", None, "[接龙] 1. Alice 2. Bob"),
        (Kind.POST, "", None, "[动态]"),
        (Kind.UNKNOWN, "<msg/>", None, "[未知消息]"),
        (Kind.FILE, "", None, "[文件] 未能转发，仅原群可见"),
    ],
)
def test_line_says_what_is_known(kind: Kind, text: str, content: str | None, line: str) -> None:
    """The line has WeChat's word for the kind, and what the gateway tells: name, size, seconds, number of entries."""
    assert line_of(kind, text, content) == line


@given(
    st.sampled_from(sorted(WORDS)), st.text(), st.none() | st.text() | st.recursive(st.none(), st.lists).map(json.dumps)
)
def test_line_is_always_one_line(kind: str, text: str, content: str | None) -> None:
    """Whatever the gateway gives, the line is one short line."""
    line = line_of(Kind(kind), text, content)
    assert "\n" not in line and len(line) < 200


def test_the_number_of_a_kind_is_the_one_that_every_gateway_knows() -> None:
    """Where several numbers are one kind, what is said in the loopback gateway has the first."""
    assert (TYPES["text"], TYPES["channel"], len(TYPES)) == (7, 17, len(set(TYPES.values())))


def test_bytes_are_counted_only_where_the_box_carries_them() -> None:
    """A handle or a URL carries nothing, base64 three bytes for four letters."""
    assert inline_bytes('{"boxType": 7, "size": 10}') == 0
    assert inline_bytes(json.dumps({"base64": "aaaa" * 10})) == 30
    assert inline_bytes("no JSON") == 0


@pytest.mark.parametrize("text", ["&lt;datalist " * 10_000, "<title>" * 10_000, 'voicelength="' * 10_000])
@pytest.mark.parametrize("kind", [Kind.CHAT_HISTORY, Kind.AUDIO, Kind.UNKNOWN])
def test_no_text_takes_long(kind: Kind, text: str) -> None:
    """A text made to keep a search busy is looked at only so far."""
    assert len(line_of(kind, text, None)) < 200
