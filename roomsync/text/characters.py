"""Characters: which do harm, which nobody sees, which are shown as one, and how texts are shortened and cut. Pure.

What comes from outside is made harmless once, where it enters: `harmless` for what only a log or a terminal shows,
`plain` for names and topics, which rooms are found by and headers are made of, `clean` for what people say. Each cuts
before it looks at a single character.
"""

import re
import unicodedata

# Characters that nobody sees, and those that turn the direction of a line: Unicode's Default_Ignorable_Code_Point
# (https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt), blank letters, and U+FFF9 to U+FFFB.
UNSEEN = dict.fromkeys(
    [
        *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFEFF, 0xFFA0),
        *(*range(0x180B, 0x1810), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)),
        *(*range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFFC), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B)),
        *range(0xE0000, 0xE1000),
    ]
)
# Of them those that are no part of an emoji: U+200D joins, U+FE0F colours, U+E0020 to U+E007F name flags.
INVISIBLE = dict.fromkeys(UNSEEN.keys() - {0x200D, 0xFE0E, 0xFE0F, *range(0xE0020, 0xE0080)})
JOINER = "\u200d"
LINE_BREAKS = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")  # what some client shows as a new line
# What a terminal obeys (C0, DEL, C1), what starts a new line, what turns the direction of a line, and what UTF-8 cannot
# say. All are one code unit wide.
BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
UNSAFE = re.compile(f"[\0-\x1f\x7f-\x9f{BIDI}\u2028\u2029\ud800-\udfff]")
TURNING = re.compile(f"[{BIDI}]")
# What XML, in which WeChat keeps its messages, cannot carry in a text; line breaks and tab are no harm there.
UNCARRIED = re.compile("[\0-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
FULL_WIDTH = 0xFEE0  # from an ASCII character to its full-width form
MAX_NUMBER = "(99999/99999) "
MAX_SHOWN = 200  # characters of a name or topic: WeChat allows 32
MAX_ERROR = 1000  # characters of what a gateway says went wrong
MAX_SAID = 20_000  # characters of it in which words are looked for
MAX_TEXT = 20_000  # characters of what somebody says: WeChat takes far fewer, and 1 MB would keep the account busy
LOOKED_AT = 2000  # characters of which a short line is made


def harmless(text: str, limit: int = MAX_SHOWN) -> str:
    """Return `text` as one line that a log or a terminal can show: what would do harm is written `\\x1b`, `\\u202e`.

    What is over `limit` characters is left out, and how many there were is said.
    """
    return UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text[:limit]) + _rest(text, limit)


def first_line(text: str, limit: int = MAX_ERROR) -> str:
    """Return the first line of an error that says something, made harmless: those below are a stack, for its author."""
    lines = (line.strip() for line in LINE_BREAKS.split(text[:MAX_SAID]))
    return harmless(next(filter(None, lines), ""), limit)


def plain(text: str, limit: int = MAX_SHOWN) -> str:
    """Return a name or topic as one line: a blank for what would do harm, nothing for what turns a line's direction.

    People see neither, and both are nothing to `fold`: a room's prefix is found with them or without.
    """
    return UNSAFE.sub(" ", TURNING.sub("", text[:limit])) + _rest(text, limit)


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """Return the first `limit` characters of what somebody says, without those that no message can carry."""
    return UNCARRIED.sub("", text[:limit])


def _rest(text: str, limit: int) -> str:
    return f"…({len(text)} characters)" if len(text) > limit else ""


def columns(text: str) -> int:
    """Return how many columns a text takes in a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def shorten(text: str, limit: int) -> str:
    """Return `text` on one line that UTF-8 can write, with `…` for what is over `limit` characters."""
    start = text[:LOOKED_AT].translate(INVISIBLE).encode("utf-8", "replace").decode()
    words = " ".join(UNSAFE.sub(" ", start).split())
    return words if len(words) <= limit and len(text) <= LOOKED_AT else words[: limit - 1] + "…"


def fold_character(character: str) -> str:
    """Return one character as it is compared: full width as half width, letter case and blanks gone."""
    if unicodedata.category(character) == "Cf" or character == "\ufe0f":
        return ""  # it has no width: phones insert such characters unseen
    return "".join(unicodedata.normalize("NFKC", character).casefold().split())


def fold(text: str) -> str:
    """Return `text` as topics are compared: `Ｍilvus 用户交流群` and `MILVUS用户交流群` are the same."""
    return "".join(map(fold_character, unicodedata.normalize("NFC", text)))


def split_text(text: str, max_bytes: int) -> list[str]:
    """Return `text` in pieces of at most `max_bytes` bytes of UTF-8, numbered `(1/3) ` where there are several.

    A cut is between two characters as people see them, unless one of them alone is too long.
    """
    if len(text.encode()) <= max_bytes:
        return [text]
    room = max_bytes - len(MAX_NUMBER)
    pieces, start, size = [], 0, 0
    for position, character in enumerate(text):
        size += len(character.encode())
        if size > room:
            end = position
            while end > start + 1 and _joined(text[end - 1], text[end]):
                end -= 1
            if end == start + 1:  # one endless character: nothing is right, so it is cut where it must be
                end = position
            pieces.append(text[start:end])
            start, size = end, len(text[end : position + 1].encode())
    pieces.append(text[start:])
    return [f"({number}/{len(pieces)}) {piece}" for number, piece in enumerate(pieces, 1)]


def split_lines(text: str, max_bytes: int) -> list[str]:
    """Return `text` in pieces of at most `max_bytes` bytes of UTF-8, cut between lines, a long line by `split_text`."""
    pieces: list[str] = []
    for line in text.split("\n"):
        if pieces and len(f"{pieces[-1]}\n{line}".encode()) <= max_bytes:
            pieces[-1] += f"\n{line}"
        else:
            pieces += split_text(line, max_bytes)
    return pieces


def _joined(before: str, after: str) -> bool:
    """Return whether two code points are shown as one character: marks, skin tones, joined emoji, flags."""
    return (
        unicodedata.combining(after) != 0
        or unicodedata.category(after) in ("Mn", "Me", "Mc")
        or JOINER in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
    )
