"""Merged chat histories: who said what in them, by a gateway's answer or by WeChat's own XML. Pure."""

import html
import re
from collections.abc import Iterator
from itertools import islice

from roomsync.model import Kind
from roomsync.text.characters import shorten
from roomsync.text.headers import MAX_NAME, NAMELESS
from roomsync.text.kinds import MAX_TITLE, MAX_XML, element, fields_of, word

MAX_RECORDS = 3  # that are shown of a history
# What WeChat calls the kind of a record (`dataitem/@datatype`).
DATATYPES = {
    "2": Kind.IMAGE,
    "3": Kind.AUDIO,
    "4": Kind.VIDEO,
    "5": Kind.URL,
    "6": Kind.LOCATION,
    "8": Kind.FILE,
    "16": Kind.CONTACT,
    "17": Kind.CHAT_HISTORY,
    "19": Kind.MINIPROGRAM,
    "22": Kind.CHANNEL,
    "37": Kind.EMOTICON,
}
TEXT = "1"
ITEM = re.compile(r"<(/?)dataitem\b([^<>]*)>")
DATATYPE = re.compile(r"""\bdatatype\s?=\s?["'](\d{1,5})["']""")


def lines_of_history(text: str, content: str | None) -> list[str]:
    """Return the first records of a merged history, `Alice：words`, each on one short line.

    `content` is JSON made of a gateway's answer, `{"records": [{"name": ..., "words": ...}]}`. Where there is none,
    they are looked for in `text`, WeChat's XML.
    """
    records = fields_of(content).get("records")
    found = _answered(records) if isinstance(records, list) else _written(text[:MAX_XML])
    return [
        f"{shorten(name, MAX_NAME) or NAMELESS}：{shorten(words, MAX_TITLE)}"
        for name, words in islice(found, MAX_RECORDS)
    ]


def words_of_record(kind: Kind, text: str, title: str) -> str:
    """Return the words of a record: the text itself, else the word for its kind with its title."""
    return text if kind is Kind.TEXT else f"{word(kind)} {title}".rstrip()


def _answered(records: list[object]) -> Iterator[tuple[str, str]]:
    for one in records:
        if isinstance(one, dict):
            yield str(one.get("name", "")), str(one.get("words", ""))


def _written(xml: str) -> Iterator[tuple[str, str]]:
    """Read `<recorditem>`: a `<recordinfo>` with a `<datalist>` of `<dataitem datatype="1">`, mostly escaped once."""
    _, _, inner = xml.partition("<recorditem>")
    if "<dataitem" not in inner:
        inner = html.unescape(inner)
    for attributes, item in _items(inner):
        found = DATATYPE.search(attributes)
        datatype = found[1] if found else ""
        kind = Kind.TEXT if datatype == TEXT else DATATYPES.get(datatype, Kind.UNKNOWN)
        words = words_of_record(kind, element(item, "datadesc"), element(item, "datatitle"))
        yield html.unescape(element(item, "sourcename")), html.unescape(words)


def _items(xml: str) -> Iterator[tuple[str, str]]:
    """Return the records one by one, attributes and own content: of a history within a history nothing is read."""
    depth, start, attributes, own = 0, 0, "", ""
    for tag in ITEM.finditer(xml):
        if depth == 1:
            own += xml[start : tag.start()]
        if not tag[1] and depth == 0:
            attributes, own = tag[2], ""
        start = tag.end()
        if not tag[2].endswith("/"):
            depth = max(0, depth - 1 if tag[1] else depth + 1)
        if depth == 0 and (tag[1] or tag[2].endswith("/")):
            yield attributes, own
    if depth == 1:
        yield attributes, own + xml[start:]  # the end of a long one was cut off
