"""What is judged of a message: what its author typed, without the quote, and what the author is called. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from roomsync.model import Kind, Message
from roomsync.moderation.grams import MIN_UNITS, Grams, cosine, grams, units
from roomsync.text.histories import lines_of_history
from roomsync.text.kinds import CARDS, Fields, fields_of, known_of

MIN_SAME = 6  # units of a text that is worth comparing with what was said elsewhere: everybody says "谢谢大家"
MIN_ALIKE = 0.80  # cosine of two texts that are nearly the same
MAX_REMEMBERED = 64  # forms whose grams are kept: one is compared with all that its author said lately
SEPARATOR = " "
MAX_SEARCHED = 4000  # characters of a message that are looked through for links
# Endings by which a host is known that stands without `https://` or `www.`. In chats about software `main.py`,
# `libc.so`, `logger.info` and `user.id` are none, so the second ones count only with a path behind them: `t.me/x`.
ENDINGS = (
    "com|cn|net|org|io|cc|top|xyz|vip|club|shop|store|site|online|fun|icu|work|wang|ltd|biz|tech|cloud|app|dev|ai|co|"
    "hk|tw|jp|kr|sg|us|uk|eu|de|fr|ru|tv"
)
ENDINGS_OF_SHORT_LINKS = "me|info|link|live|ly|gg|gl|gd|is|to|be|in|la|im|pro|page|space"
END = r"(?![a-z0-9_@-]|\.[a-z0-9])"  # of a host: `milvus.io.evil.com` is none of milvus.io, `a.cn@b.com` is an address
LINK = re.compile(
    rf"""https?://(?:[^\s/?\#@]*@)?((?:[a-z0-9_-]+\.)+[a-z0-9-]+)  # behind a name and password as in `a.com@b.com`
    |(?<![a-z0-9_@./-])(
        www\.(?:[a-z0-9-]+\.)+[a-z]{{2,24}}{END}
        |(?:[a-z0-9-]+\.)+(?:(?:{ENDINGS}){END}|(?:{ENDINGS_OF_SHORT_LINKS})(?=/[a-z0-9]))
    )""",
    re.IGNORECASE | re.ASCII | re.VERBOSE,
)
WRITTEN = (Kind.GROUP_NOTE, Kind.POST, Kind.UNKNOWN)  # of these rooms read the words that somebody wrote
KEYS = ("url", "username", "appid", "pagePath", "title")  # what tells two cards apart


@dataclass(frozen=True)
class Said:
    """What a message says: its author's `words`, the `hosts` of its links, and `form`, compared with other messages."""

    kind: Kind
    name: str
    words: str
    units: tuple[str, ...]
    hosts: tuple[str, ...]
    form: str


def said_of(message: Message, digest: str = "") -> Said:
    """Return what a message says. `digest`: which picture it is, where that is known."""
    words = words_of(message)
    found = tuple(units(words))
    return Said(message.kind, message.name, words, found, hosts_of(message, words), _form(message, found, digest))


def words_of(message: Message) -> str:
    """Return what an author typed, or what stands on a card; empty for what has no words."""
    if message.quote:
        return message.quote.reply
    if message.kind is Kind.TEXT:
        return message.text
    fields = fields_of(message.content)
    if message.kind in CARDS:
        return _text(fields, "title", "description")
    if message.kind is Kind.CHAT_HISTORY:
        return "\n".join(lines_of_history(message.text, message.content))
    if message.kind is Kind.CONTACT:
        return _text(fields, "name")
    return known_of(message.kind, message.text, fields) if message.kind in WRITTEN else ""


def hosts_of(message: Message, words: str) -> tuple[str, ...]:
    """Return the hosts that a message links to, each once, in lower case."""
    address = _text(fields_of(message.content), "url") if message.kind is Kind.URL else ""
    text = unicodedata.normalize("NFKC", f"{address} {words}"[:MAX_SEARCHED])
    return tuple(dict.fromkeys((one[1] or one[2]).lower() for one in LINK.finditer(text)))


def _text(fields: Fields, *names: str) -> str:
    values = (fields.get(name) for name in names)
    found = " ".join(value for value in values if isinstance(value, str) and value)
    return found.encode("utf-8", "replace").decode()  # JSON can name what no text can have


def form_of(found: Sequence[str]) -> str:
    """Return what of a text, given as its units, is compared with other texts; empty for nothing."""
    return SEPARATOR.join(found) if len(found) >= MIN_SAME else ""


def _form(message: Message, found: tuple[str, ...], digest: str) -> str:
    """Return what of a message is compared with what its author said elsewhere; empty for nothing."""
    if message.kind is Kind.TEXT or message.quote:
        return form_of(found)
    if message.kind in CARDS:
        fields = fields_of(message.content)
        shown = _text(fields, *KEYS)
        return f"{message.kind}{SEPARATOR}{shown}" if shown else ""
    return f"{message.kind}{SEPARATOR}{digest}" if digest else ""


def is_same(form: str, other: str) -> bool:
    """Return whether two forms, neither of them empty, are of the same thing said, or nearly."""
    if form == other:
        return True
    one, two = form.split(SEPARATOR), other.split(SEPARATOR)
    if min(len(one), len(two)) < MIN_UNITS:
        return False
    return cosine(_grams_of(form), _grams_of(other)) >= MIN_ALIKE


@lru_cache(maxsize=MAX_REMEMBERED)
def _grams_of(form: str) -> Grams:
    return grams(form.split(SEPARATOR))
