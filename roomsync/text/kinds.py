"""The kinds of message, and the readable line for each. Pure."""

import json
import re
from collections.abc import Callable

from roomsync.model import Kind
from roomsync.text.characters import shorten
from roomsync.text.mentions import neutralize_mentions
from roomsync.text.phrases import COUNTED_ONLY, NOT_RELAYED

MAX_TITLE = 60  # characters
MAX_URL = 400  # characters of a link that goes as a line
MAX_FIELDS = 10_000  # commas in the JSON of a card or file box; a real one has some ten fields
MAX_XML = 20_000  # characters that are looked at, so that no text takes long

# The words WeChat itself shows for a kind in the list of chats.
WORDS = {
    Kind.IMAGE: "图片",
    Kind.URL: "链接",
    Kind.MINIPROGRAM: "小程序",
    Kind.FILE: "文件",
    Kind.VIDEO: "视频",
    Kind.EMOTICON: "表情",
    Kind.AUDIO: "语音",
    Kind.CONTACT: "名片",
    Kind.CHAT_HISTORY: "聊天记录",
    Kind.LOCATION: "位置",
    Kind.GROUP_NOTE: "接龙",
    Kind.TRANSFER: "转账",
    Kind.RED_ENVELOPE: "红包",
    Kind.POST: "动态",
    Kind.CHANNEL: "视频号",
    Kind.CALL: "通话",
    Kind.NOTE: "笔记",
    Kind.PRODUCT: "商品",
    Kind.ORDER: "订单",
    Kind.UNKNOWN: "未知消息",
}
MEDIA = (Kind.IMAGE, Kind.FILE, Kind.VIDEO, Kind.EMOTICON)
CARDS = (Kind.URL, Kind.MINIPROGRAM)
# WeChat's own notices (someone joined, someone patted someone) and recalls are about their room, not said in it.
SILENT = (Kind.SYSTEM, Kind.RECALLED)

Fields = dict[str, object]


def fields_of(content: str | None) -> Fields:
    """Return the gateway's JSON of a card, file box or place; empty when it is none, or endless."""
    if not content or content.count(",") > MAX_FIELDS:
        return {}
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def inline_bytes(content: str | None) -> int:
    """Return how many bytes a file box carries itself; 0 when it only names them (a handle, a URL)."""
    data = fields_of(content).get("base64")
    return len(data) * 3 // 4 if isinstance(data, str) else 0


def line_of(kind: Kind, text: str, content: str | None) -> str:
    """Return the readable line for a message, with what is known of it: `[链接] title`, `[文件] a.pdf (1.2 MB)`."""
    if kind in (*MEDIA, *CARDS) and not content:
        return f"{word(kind)} {NOT_RELAYED}"
    return f"{word(kind)} {known_of(kind, text, fields_of(content))}".rstrip()


def known_of(kind: Kind, text: str, fields: Fields) -> str:
    """Return what is known of a message of a kind, on one short line; empty for nothing."""
    return KNOWN[kind](text, fields) if kind in KNOWN else ""


def kind_of_echo(kind: Kind, text: str) -> Kind:
    """Return what a message of the bot's own is: padlocal shows its pictures as the text `<nick>: [图片]`."""
    return Kind.IMAGE if kind is Kind.TEXT and text.endswith(f": {word(Kind.IMAGE)}") else kind


def fallback_text(kind: Kind, body: str, why: str) -> str:
    """Return the line that goes to a room in the place of a picture or card: a link keeps its address."""
    url = fields_of(body).get("url") if kind is Kind.URL else None
    if isinstance(url, str) and url:
        return shorten(neutralize_mentions(url), MAX_URL)
    return f"{word(kind)} {why}"


def counted_text(kind: Kind, number: int) -> str:
    """Return the line that goes in the place of so many pictures of the quiet hours."""
    return f"{word(kind)} {number} 张，{COUNTED_ONLY}"


def word(kind: Kind) -> str:
    """Return WeChat's word for a kind, in brackets: `[图片]`."""
    return f"[{WORDS.get(kind, WORDS[Kind.UNKNOWN])}]"


def _place(text: str, fields: Fields) -> str:
    name = _string(fields, "name") or _attribute(text, "poiname")
    return shorten(f"{name} {_string(fields, 'address') or _attribute(text, 'label')}", MAX_TITLE)


def _seconds(text: str, fields: Fields) -> str:
    length = _attribute(text, "voicelength")
    return f"{round(int(length) / 1000)} 秒" if length.isdecimal() and len(length) < 9 else ""


def _history(text: str, fields: Fields) -> str:
    plain = text[:MAX_XML].replace("&lt;", "<").replace("&quot;", '"')
    found = re.search(r'<datalist[^>]{0,200}\bcount="(\d{1,5})"', plain)
    count = fields.get("count")
    shown = count if isinstance(count, int) else int(found[1]) if found else 0
    return f"{_note(text, fields)} {f'({shown} 条)' if shown else ''}".strip()


def _note(text: str, fields: Fields) -> str:
    return shorten(element(text, "title"), MAX_TITLE) or (
        "" if "<" in text or "&lt;" in text else shorten(text, MAX_TITLE)
    )


# What is known of a message of a kind, from its text and the fields of its content.
KNOWN: dict[Kind, Callable[[str, Fields], str]] = {
    **dict.fromkeys(CARDS, lambda text, fields: _string(fields, "title")),
    Kind.FILE: lambda text, fields: f"{_string(fields, 'name')} {_size(fields)}".strip(),
    Kind.VIDEO: lambda text, fields: _size(fields),
    Kind.LOCATION: _place,
    Kind.CONTACT: lambda text, fields: _string(fields, "name") or _attribute(text, "nickname"),
    Kind.AUDIO: _seconds,
    Kind.CHAT_HISTORY: _history,
    **dict.fromkeys((Kind.GROUP_NOTE, Kind.POST, Kind.UNKNOWN, Kind.TRANSFER, Kind.RED_ENVELOPE), _note),
}


def _string(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return shorten(value, MAX_TITLE) if isinstance(value, str) else ""


def _size(fields: Fields) -> str:
    data, size = fields.get("base64"), fields.get("size")
    count = len(data) * 3 // 4 if isinstance(data, str) else size
    if not isinstance(count, int | float) or not 0 < count < 1e15:
        return ""
    return f"({count / 1e6:.1f} MB)" if count >= 1e5 else f"({count / 1e3:.1f} KB)"


def _attribute(xml: str, name: str) -> str:
    found = re.search(rf"""\b{name}\s{{0,3}}=\s{{0,3}}(["'])(.{{0,300}}?)\1""", xml[:MAX_XML], re.DOTALL)
    return shorten(found[2], MAX_TITLE) if found else ""


def element(xml: str, name: str) -> str:
    """Return what stands in the first element of that name; empty when there is none."""
    _, opened, rest = xml[:MAX_XML].partition(f"<{name}>")
    inner, closed, _ = rest.partition(f"</{name}>")
    return inner.removeprefix("<![CDATA[").removesuffix("]]>") if opened and closed else ""
