"""What a message becomes in the other rooms. Pure: no I/O, no clock, no wechaty."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from roomsync.model import Author, Kind, Message, Part, Quote, Room
from roomsync.text.headers import NAME_MAX, HeaderForm, shortened
from roomsync.text.kinds import CARDS, MEDIA, SILENT, WORDS, fields_of, inline_bytes, line_of
from roomsync.text.phrases import NOT_RELAYED
from roomsync.text.quotes import line_of_quote, parse_quote

JOINER = "\u200d"
URL_MAX = 400  # signs of a link that goes as a line
AT_END = "\u2005"  # what WeChat puts behind a name that is mentioned


@dataclass(frozen=True)
class Style:
    """How to write. `max_text_bytes`: of UTF-8 in a text; `max_file_bytes`: of a file that the bot carries."""

    header: HeaderForm
    max_text_bytes: int = 2000
    max_file_bytes: int = 3_000_000


def quote_in(message: Message) -> Quote | None:
    """What a message answers, if it is a reply; xp shows replies as messages of an unknown kind."""
    return parse_quote(message.text) if message.kind in (Kind.TEXT, Kind.UNKNOWN) else None


def parts(message: Message, source: Room, style: Style, labels: Collection[str] = ()) -> list[Part]:
    """What every other room gets for `message`, in order; nothing for a notice of WeChat itself.

    A text over the limit goes in numbered pieces. `labels` are those of the community's rooms.
    """
    if message.kind in SILENT:
        return []
    header = _header(message, source, style)
    quote = quote_in(message)
    if quote or message.kind is Kind.TEXT:
        return _texts(_words(message, quote, style, labels), header, style)
    line = harmless(line_of(message.kind, message.text, message.content))
    size = inline_bytes(message.content)
    if size > style.max_file_bytes:
        return [Part(Kind.TEXT, f"{line} 太大，{NOT_RELAYED}", header)]
    if message.kind in (*MEDIA, *CARDS) and message.content:
        return [Part(Kind.TEXT, line, header, caption=True), Part(message.kind, message.content, header)]
    return [Part(Kind.TEXT, line, header)]


def parts_for_author(
    message: Message, source: Room, style: Style, labels: Collection[str], author: Author
) -> list[Part]:
    """What the author of what `message` quotes gets in the author's own room: the reply with a real mention."""
    header = _header(message, source, style)
    quote = quote_in(message)
    words = f"@{shortened(harmless(author.name), NAME_MAX)}{AT_END}{_words(message, quote, style, labels)}"
    first, *others = _texts(words, header, style)
    return [Part(first.kind, first.body, first.header, mention=author.id), *others]


def _header(message: Message, source: Room, style: Style) -> str:
    return style.header.render(harmless(message.name), source.label)


def _words(message: Message, quote: Quote | None, style: Style, labels: Collection[str]) -> str:
    text = quote.reply if quote else message.text
    text = style.header.defused(harmless(text.encode("utf-8", "replace").decode()), labels)
    return f"{text}\n{harmless(line_of_quote(quote, style.header, labels))}" if quote else text


def harmless(text: str) -> str:
    """`text` with mentions that ping nobody: `@Bob` stays readable, `@所有人` is no longer what a client looks for."""
    text = text.replace(AT_END, " ")
    return re.sub(r"@(所有人|全体成员|all\b)", "＠\\1", text, flags=re.IGNORECASE)


def _texts(text: str, header: str, style: Style) -> list[Part]:
    return [Part(Kind.TEXT, piece, header) for piece in pieces(text, style.max_text_bytes - len(header.encode()))]


def pieces(text: str, most: int) -> list[str]:
    """`text` whole if it has at most `most` bytes of UTF-8, else cut between characters and numbered `(1/3) `."""
    if len(text.encode()) <= most:
        return [text]
    room = most - len("(99999/99999) ")
    cut, start, size = [], 0, 0
    for position, sign in enumerate(text):
        size += len(sign.encode())
        if size > room:
            end = position
            while end > start + 1 and _joined(text[end - 1], text[end]):
                end -= 1
            if end == start + 1:  # one endless character: nothing is right, so it is cut where it must be
                end = position
            cut.append(text[start:end])
            start, size = end, len(text[end : position + 1].encode())
    cut.append(text[start:])
    return [f"({number}/{len(cut)}) {piece}" for number, piece in enumerate(cut, 1)]


def _joined(before: str, after: str) -> bool:
    """Whether two signs are shown as one character: marks, skin tones, joined emoji, flags."""
    return (
        unicodedata.combining(after) != 0
        or unicodedata.category(after) in ("Mn", "Me", "Mc")
        or JOINER in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
    )


def kind_of_echo(kind: Kind, text: str) -> Kind:
    """What a message of the bot's own is: padlocal shows its pictures as the text `<nick>: [图片]`."""
    return Kind.IMAGE if kind is Kind.TEXT and text.endswith(f": [{WORDS[Kind.IMAGE]}]") else kind


def instead_of(kind: Kind, body: str, why: str) -> str:
    """The line that goes to a room in the place of a picture or card: a link keeps its address."""
    url = fields_of(body).get("url") if kind is Kind.URL else None
    if isinstance(url, str) and url:
        return shortened(harmless(url), URL_MAX)
    return f"[{WORDS.get(kind, WORDS[Kind.UNKNOWN])}] {why}"
