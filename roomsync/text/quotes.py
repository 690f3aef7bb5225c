"""Quotes: what a reply answers, in the two forms that gateways give. Pure."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection

from roomsync.model import Quote
from roomsync.text.characters import MAX_TEXT, shorten
from roomsync.text.headers import HeaderTemplate

MAX_QUOTE = 60  # characters of what was quoted
# `「name：content」`, a line of 15 or 16 dashes with blanks between them, then the reply (padlocal, wechat4u).
DASHES = re.compile(r"」\n(?:- ){14,15}-[ \t]*\n")
# What WeChat calls the kind of the message quoted (`refermsg/type` of an `appmsg` of type 57).
REFERRED = {"3": "[图片]", "34": "[语音]", "42": "[名片]", "43": "[视频]", "47": "[表情]", "48": "[位置]"}
CARD = "49"
# What a card is (`appmsg/type` in the content of a `refermsg` of that type; wechaty's AppMessageType). A reply says its
# words in its title.
CARDS = {"5": "[链接] ", "6": "[文件] ", "19": "[聊天记录] ", "33": "[小程序] ", "36": "[小程序] ", "57": ""}


def parse_quote(text: str) -> Quote | None:
    """Return the quote in a message's text, in whichever form; None when it is none."""
    if len(text) > MAX_TEXT:
        return None
    return _parse_text(text) if text.startswith("「") else _parse_xml(text)


def _parse_text(text: str) -> Quote | None:
    ends = list(DASHES.finditer(text))
    if not ends:
        return None
    # Of quotes inside quotes the outer one ends where as many brackets are closed as were opened.
    balanced = (end for end in ends if text.count("「", 0, end.start() + 1) == text.count("」", 0, end.start() + 1))
    end = next(balanced, ends[-1])
    name, colon, content = text[1 : end.start()].partition("：")
    return Quote(name, content, text[end.end() :]) if colon else None


def _parse_xml(text: str) -> Quote | None:
    # `<msg><appmsg><title>reply</title><type>57</type><refermsg>...`, as xp shows a quote.
    message = _xml(text if "refermsg" in text else "")
    referred = message.find("appmsg/refermsg")
    if referred is None or message.findtext("appmsg/type", "").strip() != "57":
        return None
    kind, content = referred.findtext("type", "").strip(), referred.findtext("content", "")
    content = _card(content) if kind == CARD else REFERRED.get(kind, content)
    name, message_id = referred.findtext("displayname", ""), referred.findtext("svrid", "")
    return Quote(name, content, message.findtext("appmsg/title", ""), message_id.strip())


def _card(text: str) -> str:
    card = _xml(text)
    title, kind = card.findtext("appmsg/title", "").strip(), card.findtext("appmsg/type", "").strip()
    return CARDS.get(kind, "[卡片] ") + title if title else "[卡片]"


def _xml(text: str) -> ElementTree.Element:
    """Return the `<msg>` in a text; an empty one when there is none that can be read."""
    try:
        # expat, which reads it, refuses entities that grow without measure.
        return ElementTree.fromstring("<msg>" + text.partition("<msg>")[2].strip())
    except (ElementTree.ParseError, ValueError):
        return ElementTree.Element("msg")


def line_of_quote(quote: Quote, template: HeaderTemplate, labels: Collection[str]) -> str:
    """Return what was quoted on one line, `「Alice：words」`, without our header and what it quotes itself."""
    name, content = quote.name, quote.content
    if spoken := template.parse(content, labels):
        name, content = f"{spoken.name}@{spoken.label}", spoken.text
    if inner := parse_quote(content):
        content = inner.reply
    words = shorten(content[:MAX_TEXT].partition("\n「")[0], MAX_QUOTE)
    return f"「{shorten(name, 20)}：{words}」"
