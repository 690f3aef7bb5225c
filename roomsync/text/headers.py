"""Headers: who speaks, written so that a person reads it and the bot finds it again. Pure."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

NAME_MAX = 40  # signs of a name or label in a header
NAMELESS = "群友"
LINE_LOOKED_AT = 1000  # signs of a line in which a header is looked for: far more than one has
# Signs that nobody sees, and those that turn the direction of a line: Unicode's Default_Ignorable_Code_Point
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
BREAKS = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")  # what some client shows as a new line
FULL_WIDTH = 0xFEE0  # from an ASCII sign to its full-width form


def shortened(text: str, most: int) -> str:
    """`text` on one line, with `…` for what is over `most` signs, and with nothing in it that UTF-8 cannot say."""
    words = " ".join(text.translate(INVISIBLE).encode("utf-8", "replace").decode().split())
    return words if len(words) <= most else words[: most - 1] + "…"


@dataclass(frozen=True)
class Spoken:
    """What one person said, as it is read back from a text that the bot (or another like it) sent."""

    name: str
    label: str
    text: str


def subject_of(header: str) -> str:
    """A header without what leads over to a text: `[Alice@101]`."""
    return header.rstrip().rstrip(":：").rstrip()


class HeaderForm:
    """The setting HEADER: `[{name}@{room}]:  `."""

    def __init__(self, form: str) -> None:
        self._form = form
        literals = re.split(r"\{name\}|\{room\}", form)
        # Signs that the form is made of become full width in names and labels, so that they end nothing.
        own = {sign for sign in "".join(literals) if not sign.isspace()}
        # Signs that ASCII does not have have no wider form: a point stands for them.
        self._widened = {ord(sign): ord(sign) + FULL_WIDTH if sign.isascii() else ord("·") for sign in own}
        signs = re.escape("".join(map(chr, self._widened)))
        hole = f"[^\\n{signs}]" if signs else "[^\\n]"
        holes = {"name": f"(?P<name>{hole}+?)", "room": f"(?P<room>{hole}+?)"}
        pattern = "".join(
            holes[part[1:-1]] if part in ("{name}", "{room}") else re.escape(part)
            for part in re.split(r"(\{name\}|\{room\})", form.rstrip())
        )
        self._pattern = re.compile(pattern)
        self._lead = form[len(subject_of(form)) :]
        self._blanks = form[len(form.rstrip()) :]

    def render(self, name: str, room: str) -> str:
        """Who speaks: `[Alice@101]:  `."""
        return (
            self._form.replace("{name}", "\0")
            .replace("{room}", self._plain(room))
            .replace("\0", self._plain(name) or NAMELESS)
        )

    def _plain(self, text: str) -> str:
        return shortened(text.replace("\0", ""), NAME_MAX).translate(self._widened)

    def parse(self, text: str, labels: Collection[str]) -> Spoken | None:
        """The header that `text` starts with, if it has the label of a room (`labels`), and what follows it."""
        found = self._pattern.match(text)
        if not found or found["room"] not in {self._plain(label) for label in labels}:
            return None
        return Spoken(found["name"], found["room"], text[found.end() :].removeprefix(self._blanks))

    def parse_subject(self, text: str, labels: Collection[str]) -> Spoken | None:
        """The same for a header that leads over to no text: `[Alice@101]`."""
        return self.parse(text + self._lead, labels)

    def parse_batch(self, text: str, labels: Collection[str]) -> list[Spoken]:
        """All that is said in a text that the bot sent; lines without a header belong to the speaker before them."""
        spoken: list[Spoken] = []
        for line in text.split("\n"):
            start = self.parse(line, labels)
            if start:
                spoken.append(start)
            elif spoken:
                last = spoken[-1]
                spoken[-1] = Spoken(last.name, last.label, f"{last.text}\n{line}")
        return spoken

    def defused(self, text: str, labels: Collection[str]) -> str:
        """`text` with a blank before each line that reads like a header: nobody speaks in another's name.

        The first line, too: behind an earlier text of the same speaker it stands without a header of its own.
        """
        plain = {self._plain(label) for label in labels}
        return "\n".join(f" {line}" if self._reads_like_one(line, plain) else line for line in BREAKS.split(text))

    def _reads_like_one(self, line: str, plain: Collection[str]) -> bool:
        """Whether a person takes a line for one with a header: widths, and signs that nobody sees, do not matter."""
        start = line[:LINE_LOOKED_AT]
        bare = start.translate(UNSEEN).lstrip()
        # Compatible forms of blank letters are letters that nobody sees.
        compatible = unicodedata.normalize("NFKC", bare).translate(UNSEEN).lstrip()
        found = map(self._pattern.match, (start, bare, compatible))
        return any(one and one["room"] in plain for one in found)


def join(lines: Sequence[tuple[str, str, str]]) -> str:
    """Texts that travel together, each (talker id, header, body): consecutive ones of one speaker share a header."""
    joined: list[str] = []
    before = ("", "")
    for talker_id, header, body in lines:
        joined.append(body if header and (talker_id, header) == before else header + body)
        before = (talker_id, header)
    return "\n".join(joined)
