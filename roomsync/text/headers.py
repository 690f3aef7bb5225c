"""Headers: who speaks, written so that a person reads it and the bot finds it again. Pure."""

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from roomsync.text.characters import FULL_WIDTH, LINE_BREAKS, UNSEEN, shorten
from roomsync.text.lookalikes import bones

MAX_NAME = 40  # characters of a name or label in a header
NAMELESS = "群友"
# What stands in a name for a character of the template: the first that the template itself does not use.
POINTS = "·•‧∙"
# What stands before a line that reads like a header: the first that reads like none of the template's own characters.
MARKS = "│※•"
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


def _pattern(form: str, escape: Callable[[str], str], name: str, room: str = "") -> re.Pattern[str]:
    """Return a pattern of `form`, in which `name` and `room` (else `name`, too) are the patterns of its fields."""
    pieces = re.split(r"\{(name|room)\}", form)  # text and fields in turn
    fields = {"name": f"(?P<name>{name})", "room": f"(?P<room>{room or name})"}
    return re.compile("".join(fields[one] if turn % 2 else escape(one) for turn, one in enumerate(pieces)))


class Looks:
    """What a person takes for a header of a template, or for the end of one; brackets of any kind are brackets."""

    def __init__(self, template: str) -> None:
        form, subject = template.rstrip(), subject_of(template)
        self._own = frozenset(bones(template.format(name="", room="")))
        other = f"[^\\n{re.escape(''.join(sorted(self._own)))}]+?"
        self.start = _pattern(form, _bones_pattern, ".+?", other)  # how a line starts that reads like a header
        # Between two brackets a header is one without its colon, too: so says `[Alice@101] 撤回了一条消息`.
        enclosed = not subject.startswith("{") and not subject.endswith("}")
        self._within = _pattern(subject if enclosed else form, _bones_pattern, other)
        self._end = bones(form.rpartition("}")[2])
        # Of what follows a field, with something for the other: `[Alice` in a name is closed by the header's own `]`.
        self._behind = {one: bones(self._after(form, one)) for one in ("name", "room")}

    @staticmethod
    def _after(form: str, field: str) -> str:
        rest = form.partition(f"{{{field}}}")[2].replace("{name}", "0").replace("{room}", "0")
        return "" if form.startswith("{") else rest

    def forged(self, text: str, field: str) -> bool:
        """Return whether a name or label (`field`: which) would read like a header in its header, or like its end."""
        read = bones(text)
        return (len(self._end) > 1 and self._end in read) or bool(self._within.search(read + self._behind[field]))

    def is_own(self, character: str) -> bool:
        """Return whether a character reads like one that the template is made of."""
        return not self._own.isdisjoint(bones(character))


def _bones_pattern(text: str) -> str:
    return re.escape(bones(text))


class HeaderTemplate:
    """The setting HEADER: `[{name}@{room}]:  `."""

    def __init__(self, template: str) -> None:
        self._template = template
        # Characters of the template become full width in names and labels, so that they end nothing. Those that ASCII
        # does not have have no wider form: a point stands for them.
        own = "".join(template.format(name="", room="").split())
        self._point = next(one for one in POINTS if one not in own)
        wide = {one: chr(ord(one) + FULL_WIDTH) for one in own if one.isascii()}
        self._widened = {ord(one): self._point if wide.get(one, one) in own else wide[one] for one in own}
        self._pattern = _pattern(template.rstrip(), re.escape, f"[^\\n{re.escape(own)}]+?")
        self._looks = Looks(template)
        self._lead = template[len(subject_of(template)) :]
        self._blanks = template[len(template.rstrip()) :]
        mark = next((one for one in MARKS if not self._looks.is_own(one)), MARKS[0])
        # Where a header starts with a field, which could hold the mark, a character that no field holds goes first.
        self._mark = (own[0] if template.startswith("{") else "") + mark + " "

    def render(self, name: str, room: str) -> str:
        """Return the header of who speaks: `[Alice@101]:  `."""
        return self._template.format(name=self._plain(name, "name") or NAMELESS, room=self._plain(room))

    def _plain(self, text: str, field: str = "room") -> str:
        """Return a name or label on one short line, in which nothing reads like a header or the end of one."""
        plain = shorten(text, MAX_NAME).translate(self._widened)
        if not self._looks.forged(plain, field):
            return plain
        return "".join(self._point if self._looks.is_own(one) else one for one in plain)

    def parse(self, text: str, labels: Collection[str]) -> Spoken | None:
        """Return the header that `text` starts with, if it has the label of a room (`labels`), and what follows it."""
        return self._parse(text, self._plain_labels(labels))

    def _plain_labels(self, labels: Collection[str]) -> frozenset[str]:
        return frozenset(map(self._plain, labels))

    def _parse(self, text: str, plain: Collection[str]) -> Spoken | None:
        found = self._pattern.match(text, 0, MAX_HEADER_LINE)
        if not found or found["room"] not in plain:
            return None
        return Spoken(found["name"], found["room"], text[found.end() :].removeprefix(self._blanks))

    def parse_subject(self, text: str, labels: Collection[str]) -> Spoken | None:
        """Return the same for a header that leads over to no text: `[Alice@101]`."""
        return self.parse(text + self._lead, labels)

    def parse_batch(self, text: str, labels: Collection[str]) -> list[Spoken]:
        """Return all that is said in a text that the bot sent; a line without a header is of the speaker before it."""
        plain = self._plain_labels(labels)  # once: there may be many lines, and many rooms
        spoken: list[tuple[Spoken, list[str]]] = []
        for line in text.split("\n"):
            start = self._parse(line, plain)
            if start:
                spoken.append((start, [start.text]))
            elif spoken:
                spoken[-1][1].append(line)
        return [Spoken(one.name, one.label, "\n".join(lines)) for one, lines in spoken]

    def escape_headers(self, text: str, labels: Collection[str]) -> str:
        """Return `text` with a mark before each line that reads like a header: nobody speaks in another's name.

        The mark is seen in a chat bubble (`│ [Alice@101]:  x`), and behind it `parse`, also that of earlier versions,
        finds no header. The first line gets one, too: behind an earlier text of the same speaker it stands without a
        header of its own. A line has one mark at the most, however often it is relayed.
        """
        plain = self._plain_labels(labels)
        plain |= frozenset(map(bones, plain))
        return "\n".join(self._marked(line, plain) for line in LINE_BREAKS.split(text))

    def _marked(self, line: str, plain: Collection[str]) -> str:
        bare = line
        while bare.startswith(self._mark):
            bare = bare.removeprefix(self._mark)
        return self._mark + bare if self._reads_like_one(bare, plain) else line

    def _reads_like_one(self, line: str, plain: Collection[str]) -> bool:
        # To a person width, unseen characters and the kind of bracket do not matter; forms of blank letters are unseen,
        # too.
        start = line[:MAX_HEADER_LINE]
        if not start:
            return False
        bare = start.translate(UNSEEN).lstrip()
        compatible = unicodedata.normalize("NFKC", bare).translate(UNSEEN).lstrip()
        found = [*map(self._pattern.match, (start, bare, compatible)), self._looks.start.match(bones(start))]
        return any(one and one["room"] in plain for one in found)


def join(lines: Sequence[tuple[str, str, str]]) -> str:
    """Return texts, each given as (talker id, header, body), as one; consecutive ones of one speaker share a header."""
    joined: list[str] = []
    before = ("", "")
    for talker_id, header, body in lines:
        joined.append(body if header and (talker_id, header) == before else header + body)
        before = (talker_id, header)
    return "\n".join(joined)
