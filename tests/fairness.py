"""What is owed to those who wait: a judge who sees what is said and what is sent to one room, and knows nothing else.

The promises, by their letters:
A  Everything arrives in every other room, once; a picture stands right below its caption, or below another of its kind
   of the same member. What is refused three times becomes its line.
B  What one room said arrives in another in the order said. Only what was refused twice may be passed.
C  A text that stands first in the queue of its source room waits for one picture of other rooms at the most.
D  A text message carries all texts that stand first, the oldest first, and a caption at its end alone.
E  While a picture stands first, at most two of each other source room's that were not begun when it came go before it.
F  A line of the bot's own is never read under a member's header.
G  A picture that is refused keeps no text of another source room from going at once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from roomsync.errors import GatewayError, GatewayRefused
from roomsync.model import Kind
from roomsync.text.headers import HeaderTemplate
from roomsync.text.kinds import MEDIA, fallback_text
from roomsync.text.phrases import NOT_RELAYED

HEADER = HeaderTemplate("[{name}@{room}]:  ")
PASSABLE = 2  # refusals after which others may pass a picture, file or card
GIVEN_UP = 3  # refusals after which its line goes in its place
MOST_MEDIA = 1  # sends of pictures, files and cards of others that a text waits for
MOST_TURNS = 2  # pictures of each other source room that one may see go before it
IDLE = "nothing can be sent now"


class Line(NamedTuple):
    """A line of a text message, and whose it is by the header that a reader sees above it; nobody's: ""."""

    speaker: str
    words: str


class Said(NamedTuple):
    """What a member said. `body`: the words of a text, else the JSON that is sent; `caption`: the line above that."""

    number: int
    source: str
    name: str
    kind: Kind
    body: str
    caption: str

    @property
    def speaker(self) -> str:
        """The member, as lines name their speaker."""
        return f"{self.name}@{self.source}"

    @property
    def is_text(self) -> bool:
        """Whether it is a text, and no picture, file or card."""
        return self.kind is Kind.TEXT

    def __str__(self) -> str:
        return f"{self.kind} {self.number} of {self.speaker}"


def lines_of(body: str, labels: Iterable[str]) -> Iterator[Line]:
    """Give the lines of a text message as a reader of the room understands them."""
    speaker, known = "", tuple(labels)
    for line in body.split("\n"):
        header = HEADER.parse(line, known)
        if header:
            speaker = f"{header.name}@{header.label}"
        yield Line(speaker, header.text if header else line)


@dataclass
class Judge:
    """Sees what happens to one target room and notes in `faults` each promise that is broken, by its letter.

    A text that fails goes again as it was, and then apart: C, D, E and G rest until all that failed with it arrived.
    """

    room: str
    labels: tuple[str, ...]
    faults: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    waiting: dict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))  # by source room, in order
    members: set[str] = field(default_factory=set)  # who spoke, as lines name them
    captions: set[Line] = field(default_factory=set)  # all that there were
    own: Counter[str] = field(default_factory=Counter)  # lines of the bot's own that wait
    own_said: set[str] = field(default_factory=set)
    refusals: Counter[Said] = field(default_factory=Counter)
    begun: set[Said] = field(default_factory=set)  # pictures whose caption was shown, or that were tried
    tried: set[Said] = field(default_factory=set)
    media_before: dict[Said, int] = field(default_factory=dict)  # of texts that stand first: how many of others went
    begun_before: dict[Said, Counter[str]] = field(default_factory=dict)  # of pictures that stand first: by source
    failed: Counter[Line] = field(default_factory=Counter)  # lines of text messages that failed and have to come
    last: Said | list[Line] | None = None  # what the bot showed there last
    somebody_spoke: bool = False  # since then

    # What happens.

    def said(self, item: Said) -> None:
        """Somebody said in another room what this one gets."""
        self._note(f"said: {item}")
        self.waiting[item.source].append(item)
        self.members.add(item.speaker)
        if item.caption:
            self.captions.add(Line(item.speaker, item.caption))
        self._look()

    def own_line(self, words: str) -> None:
        """The bot has a line of its own for this room."""
        self._note(f"the bot's own line: {words}")
        self.own[words] += 1
        self.own_said.add(words)

    def heard(self) -> None:
        """Somebody spoke in this room."""
        self._note("somebody speaks here")
        self.somebody_spoke = True

    def sent(self, kind: Kind, body: str, error: GatewayError | None) -> None:
        """The bot made a send to this room; with an `error` the room shows nothing of it."""
        how = type(error).__name__ if error else "taken"
        self._note(f"SENT, {how}: {kind} {body!r}")
        if kind is Kind.TEXT:
            self._text_sent(list(lines_of(body, self.labels)), error)
        else:
            self._media_sent(body, error)
        if not error:
            self.somebody_spoke = False
        self._look()

    def idle(self) -> None:
        """The courier says that nothing can be sent now, although nothing limits its pace."""
        if not (self.log and self.log[-1].endswith(IDLE)):
            self._note(IDLE)
        if not self.failed:
            for item in self._texts_first():
                self._fault("G", f"{item} waits, and could go at once")

    def over(self) -> None:
        """The courier says that nothing waits any more."""
        for queue in self.waiting.values():
            for item in queue:
                self._fault("A", f"{item} never arrived")
        for words in self.own:
            self._fault("A", f"the bot's own line {words!r} never arrived")

    # A text message.

    def _text_sent(self, lines: list[Line], error: GatewayError | None) -> None:
        self._judge_own_lines(lines)
        kept = [line for line in lines if line.words not in self.own_said]
        texts = [item for line in kept if (item := self._text_of(line))]
        for line in lines[:-1]:
            if line in self.captions:
                self._fault("D", f"the caption {line} does not stand at the end")
        if texts != sorted(texts):
            self._fault("D", f"not the oldest first: {', '.join(map(str, texts))}")
        if kept and not self.failed:
            for item in self._texts_first():
                if item not in texts:
                    self._fault("D", f"{item} stood first, and is not in this text message")
        if error:
            self.failed |= Counter(lines)
            return
        for line in lines:
            self._line_arrived(line)
        self.failed -= Counter(lines)
        self.last = lines
        if lines[-1] in self.captions:
            self._begin(
                next((one for one in self._media_of(lines[-1].speaker) if one.caption == lines[-1].words), None)
            )

    def _judge_own_lines(self, lines: list[Line]) -> None:
        for line in lines:
            if line.words in self.own_said and line.speaker in self.members:
                self._fault("F", f"the bot's own line {line.words!r} reads as said by {line.speaker}")

    def _line_arrived(self, line: Line) -> None:
        if line.words in self.own_said:
            self.own[line.words] -= 1
            if self.own[line.words] < 0:
                self._fault("A", f"the bot's own line {line.words!r} arrived twice")
            self.own += Counter()  # drops what does not wait any more
        elif item := self._text_of(line) or self._given_up(line):
            self._arrived(item)
        elif line not in self.captions:
            self._fault("A", f"nobody said, or not any more: {line}")

    def _text_of(self, line: Line) -> Said | None:
        texts = (item for queue in self.waiting.values() for item in queue if item.is_text)
        return next((item for item in texts if (item.speaker, item.body) == line), None)

    def _given_up(self, line: Line) -> Said | None:
        for item in self._media_of(line.speaker):
            if self.refusals[item] >= GIVEN_UP and fallback_text(item.kind, item.body, NOT_RELAYED) == line.words:
                return item
        return None

    # A picture, file or card.

    def _media_sent(self, body: str, error: GatewayError | None) -> None:
        item = next((one for queue in self.waiting.values() for one in queue if one.body == body), None)
        if item is None:
            self._fault("A", "nobody said that, or it arrived before")
            return
        if not self.failed:
            self._count_for_texts(item)
        if item in self.begun_before and item not in self.tried:
            del self.begun_before[item]
        self._begin(item)
        self._judge_caption(item, is_new=item not in self.tried, is_taken=not error)
        self.tried.add(item)
        if isinstance(error, GatewayRefused):
            self.refusals[item] += 1
        if not error:
            self._arrived(item)
            self.last = item

    def _count_for_texts(self, item: Said) -> None:
        for text in self._texts_first():
            if text.source != item.source:
                self.media_before[text] += 1
                if self.media_before[text] > MOST_MEDIA:
                    self._fault("C", f"{text} stands first, and this is number {self.media_before[text]} before it")

    def _begin(self, item: Said | None) -> None:
        """Count a picture that begins now for those of other source rooms that stand first."""
        if item is None or item in self.begun:
            return
        self.begun.add(item)
        for other, before in self.begun_before.items():
            if other.source != item.source and not self.failed:
                before[item.source] += 1
                if before[item.source] > MOST_TURNS:
                    what = f"begins as number {before[item.source]} of {item.source} since"
                    self._fault("E", f"{item} {what} {other} stands first")

    def _judge_caption(self, item: Said, *, is_new: bool, is_taken: bool) -> None:
        last = self.last
        if isinstance(last, Said):
            is_below = (last.speaker, last.kind) == (item.speaker, item.kind) and item.kind in MEDIA
            if is_new and self.somebody_spoke:
                self._fault("A", f"{item} has no caption, although somebody spoke since {last}")
        else:
            is_below = last is not None and last[-1] == (item.speaker, item.caption)
        if is_taken and not is_below:
            self._fault("A", f"{item} stands neither below its caption nor below another one of that member")

    # What waits.

    def _arrived(self, item: Said) -> None:
        queue = self.waiting[item.source]
        for earlier in queue[: queue.index(item)]:
            if self.refusals[earlier] < PASSABLE:
                self._fault("B", f"{item} arrived before {earlier}")
        queue.remove(item)
        self.media_before.pop(item, None)

    def _media_of(self, speaker: str) -> Iterator[Said]:
        for queue in self.waiting.values():
            yield from (item for item in queue if item.speaker == speaker and not item.is_text)

    def _texts_first(self) -> list[Said]:
        return list(self.media_before)

    def _look(self) -> None:
        """Note what stands first in the queue of its source room from now on: texts up to a picture, or a picture."""
        for queue in self.waiting.values():
            for item in queue:
                if not item.is_text:
                    if item is queue[0] and item not in self.tried:
                        self.begun_before.setdefault(item, Counter())
                    break
                self.media_before.setdefault(item, 0)

    def _note(self, what: str) -> None:
        self.log.append(f"  {len(self.log) + 1:3} {what}")

    def _fault(self, promise: str, what: str) -> None:
        self.faults.append(f"{promise}, room {self.room}, at {len(self.log)}: {what}")
