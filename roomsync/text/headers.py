"""Headers: who speaks, written so that a person reads it and the bot finds it again. Pure."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from roomsync.text.characters import FULL_WIDTH, LINE_BREAKS, UNSEEN, shorten

MAX_NAME = 40  # characters of a name or label in a header
NAMELESS = "群友"
MAX_HEADER_LINE = 1000  # characters of a line in which a header is looked for: far more than one has


@dataclass(frozen=True)
class Spoken:
    """What one person said, as it is read back from a text that the bot (or another like it) sent."""

    name: str
    label: str
    text: str


def subject_of(header: str) -> str:
    """Return a header without what leads over to a text: `[Alice@101]`."""
    return header.rstrip().rstrip(":：").rstrip()


class HeaderTemplate:
    """The setting HEADER: `[{name}@{room}]:  `."""

    def __init__(self, template: str) -> None:
        self._template = template
        # Characters of the template become full width in names and labels, so that they end nothing. Those that ASCII
        # does not have have no wider form: a point stands for them.
        own = "".join(template.format(name="", room="").split())
        self._widened = {ord(one): ord(one) + FULL_WIDTH if one.isascii() else ord("·") for one in own}
        pattern = re.escape(template.rstrip())
        for name in ("name", "room"):
            pattern = pattern.replace(re.escape(f"{{{name}}}"), f"(?P<{name}>[^\\n{re.escape(own)}]+?)")
        self._pattern = re.compile(pattern)
        self._lead = template[len(subject_of(template)) :]
        self._blanks = template[len(template.rstrip()) :]

    def render(self, name: str, room: str) -> str:
        """Return the header of who speaks: `[Alice@101]:  `."""
        return self._template.format(name=self._plain(name) or NAMELESS, room=self._plain(room))

    def _plain(self, text: str) -> str:
        return shorten(text.replace("\0", ""), MAX_NAME).translate(self._widened)

    def parse(self, text: str, labels: Collection[str]) -> Spoken | None:
        """Return the header that `text` starts with, if it has the label of a room (`labels`), and what follows it."""
        found = self._pattern.match(text)
        if not found or found["room"] not in {self._plain(label) for label in labels}:
            return None
        return Spoken(found["name"], found["room"], text[found.end() :].removeprefix(self._blanks))

    def parse_subject(self, text: str, labels: Collection[str]) -> Spoken | None:
        """Return the same for a header that leads over to no text: `[Alice@101]`."""
        return self.parse(text + self._lead, labels)

    def parse_batch(self, text: str, labels: Collection[str]) -> list[Spoken]:
        """Return all that is said in a text that the bot sent; a line without a header is of the speaker before it."""
        spoken: list[Spoken] = []
        for line in text.split("\n"):
            start = self.parse(line, labels)
            if start:
                spoken.append(start)
            elif spoken:
                last = spoken[-1]
                spoken[-1] = Spoken(last.name, last.label, f"{last.text}\n{line}")
        return spoken

    def escape_headers(self, text: str, labels: Collection[str]) -> str:
        """Return `text` with a blank before each line that reads like a header: nobody speaks in another's name.

        The first line, too: behind an earlier text of the same speaker it stands without a header of its own.
        """
        plain = {self._plain(label) for label in labels}
        return "\n".join(f" {line}" if self._reads_like_one(line, plain) else line for line in LINE_BREAKS.split(text))

    def _reads_like_one(self, line: str, plain: Collection[str]) -> bool:
        # To a person width and unseen characters do not matter; forms of blank letters are unseen, too.
        start = line[:MAX_HEADER_LINE]
        bare = start.translate(UNSEEN).lstrip()
        compatible = unicodedata.normalize("NFKC", bare).translate(UNSEEN).lstrip()
        found = map(self._pattern.match, (start, bare, compatible))
        return any(one and one["room"] in plain for one in found)


def join(lines: Sequence[tuple[str, str, str]]) -> str:
    """Return texts, each given as (talker id, header, body), as one; consecutive ones of one speaker share a header."""
    joined: list[str] = []
    before = ("", "")
    for talker_id, header, body in lines:
        joined.append(body if header and (talker_id, header) == before else header + body)
        before = (talker_id, header)
    return "\n".join(joined)
