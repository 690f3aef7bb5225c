"""Characters: which of them nobody sees, which are shown as one, and how texts are shortened and cut. Pure."""

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
FULL_WIDTH = 0xFEE0  # from an ASCII character to its full-width form
MAX_NUMBER = "(99999/99999) "


def shorten(text: str, limit: int) -> str:
    """Return `text` on one line that UTF-8 can write, with `…` for what is over `limit` characters."""
    words = " ".join(text.translate(INVISIBLE).encode("utf-8", "replace").decode().split())
    return words if len(words) <= limit else words[: limit - 1] + "…"


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


def _joined(before: str, after: str) -> bool:
    """Return whether two code points are shown as one character: marks, skin tones, joined emoji, flags."""
    return (
        unicodedata.combining(after) != 0
        or unicodedata.category(after) in ("Mn", "Me", "Mc")
        or JOINER in (before, after)
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff")
    )
