"""What a message becomes in the other rooms. Pure: no I/O, no clock, no wechaty."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from roomsync.model import Author, Kind, Message, Part, Room
from roomsync.text.characters import shorten, split_text
from roomsync.text.headers import MAX_NAME, HeaderTemplate
from roomsync.text.histories import lines_of_history
from roomsync.text.kinds import CARDS, MEDIA, SILENT, inline_bytes, line_of
from roomsync.text.mentions import MENTION_END, neutralize_mentions
from roomsync.text.phrases import NOT_RELAYED
from roomsync.text.quotes import line_of_quote

# Bytes of a reply that fit beside the line of what it quotes; with less, the line is split, too, and not kept apart.
MIN_PIECE = 100


@dataclass(frozen=True)
class Style:
    """How to write. `max_text_bytes`: of UTF-8 in a text; `max_file_bytes`: of a file that the bot carries.

    `mention_quoted`: whether the author of what is quoted from another room is mentioned.
    """

    header: HeaderTemplate
    max_text_bytes: int = 2000
    max_file_bytes: int = 3_000_000
    mention_quoted: bool = True


def parts(message: Message, source: Room, style: Style, labels: Collection[str] = ()) -> list[Part]:
    """Return what every other room gets for `message`, in order; nothing for a notice of WeChat itself.

    A text over the limit goes in numbered pieces. `labels` are those of the community's rooms. Of a reply to a message
    that is known by its key, the last piece has the line that says so, apart from its words.
    """
    if message.kind in SILENT:
        return []
    if message.quote or message.kind is Kind.TEXT:
        return _texts(message, source, style, labels)
    header = _header(message, source, style)
    line = neutralize_mentions(line_of(message.kind, message.text, message.content))
    if message.kind is Kind.CHAT_HISTORY:
        below = neutralize_mentions("\n".join(lines_of_history(message.text, message.content)))
        shown = style.header.escape_headers(f"{line}\n{below}" if below else line, labels)
        return [Part(Kind.TEXT, one, header) for one in split_text(shown, style.max_text_bytes - len(header.encode()))]
    if inline_bytes(message.content) > style.max_file_bytes:
        return [Part(Kind.TEXT, f"{line} 太大，{NOT_RELAYED}", header)]
    if message.kind in (*MEDIA, *CARDS) and message.content:
        return [Part(Kind.TEXT, line, header, caption=True), Part(message.kind, message.content, header)]
    return [Part(Kind.TEXT, line, header)]


def parts_for_author(
    message: Message, source: Room, style: Style, labels: Collection[str], author: Author
) -> list[Part]:
    """Return what the author of what `message` quotes gets in the author's own room: the reply with a real mention."""
    name = shorten(neutralize_mentions(author.name), MAX_NAME)
    first, *others = _texts(message, source, style, labels, start=f"@{name}{MENTION_END}")
    return [replace(first, mention=author.id), *others]


def _header(message: Message, source: Room, style: Style) -> str:
    return style.header.render(neutralize_mentions(message.name), source.label)


def _texts(message: Message, source: Room, style: Style, labels: Collection[str], start: str = "") -> list[Part]:
    header, quote = _header(message, source, style), message.quote
    limit = style.max_text_bytes - len(header.encode())
    said = (quote.reply if quote else message.text).encode("utf-8", "replace").decode()
    text = start + style.header.escape_headers(neutralize_mentions(said), labels)
    line = neutralize_mentions(line_of_quote(quote, style.header, labels)) if quote else ""
    below = len(f"\n{line}".encode())
    if quote and quote.key is not None and limit - below >= MIN_PIECE:
        *pieces, last = split_text(text, limit - below)
        first = [Part(Kind.TEXT, piece, header) for piece in pieces]
        return [*first, Part(Kind.TEXT, last, header, quoted=quote.key, quote_line=line)]
    return [Part(Kind.TEXT, piece, header) for piece in split_text(f"{text}\n{line}" if quote else text, limit)]
